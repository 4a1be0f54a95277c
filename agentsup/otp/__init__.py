"""OTP on trio: supervised actors with mailboxes, names that survive restarts, and an end that comes in order.

Usable alone. The rules it follows, and where it differs on purpose, are in docs/reference/otp-rules.md.
"""

from agentsup.otp import sys
from agentsup.otp.actor import Actor
from agentsup.otp.calls import Caller, call, cast, info, offer, reply, reply_error, send, stop
from agentsup.otp.channel import Channel, ChannelStatistics, Disconnected
from agentsup.otp.children import (
    ChildInfo,
    Counts,
    Started,
    count_children,
    delete_child,
    get_childspec,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from agentsup.otp.childspec import BRUTAL_KILL, ChildSpec, ChildType, Restart, check_childspecs
from agentsup.otp.current import current_runtime
from agentsup.otp.dynamic import DynamicSupervisor
from agentsup.otp.entries import Entry, Registration
from agentsup.otp.errors import (
    AlreadyPresent,
    AlreadyRegistered,
    AlreadyStarted,
    BadReturn,
    CallbackFailed,
    CallCycle,
    CallError,
    CallingSelf,
    CallTimeout,
    ChildError,
    InitFailed,
    InitTimeout,
    MailboxFull,
    MaxChildren,
    NoProc,
    NoRuntime,
    NotAnActor,
    NotFound,
    NotTaskOwner,
    Restarting,
    RestartLimitExceeded,
    Running,
    ServerDied,
    StartError,
    StartIgnored,
    TaskExited,
    TaskSpent,
    TaskTimeout,
)
from agentsup.otp.events import (
    ProcessEnded,
    ProcessStarted,
    RestartScheduled,
    RuntimeEvent,
    SupervisorGaveUp,
    ZombieParked,
)
from agentsup.otp.flags import AutoShutdownDone, Backoff, RestartLimit, StartFailed, SupFlags
from agentsup.otp.links import demonitor, link, monitor, unlink, wait_down
from agentsup.otp.links import send_exit as exit
from agentsup.otp.listeners import Registered, RegistryNews, Unregistered
from agentsup.otp.mailbox import MailboxSpec, MailboxStatistics
from agentsup.otp.opening import open_runtime
from agentsup.otp.patterns import like
from agentsup.otp.pubsub import Dispatcher, PubSub, Subscriber, Subscription
from agentsup.otp.reasons import Crashed, ExitReason, Gone, Killed, Normal, Shutdown, root_causes
from agentsup.otp.refs import Dest, Name, Ref
from agentsup.otp.registry import Registry, whereis_registry
from agentsup.otp.results import Continue, Down, Exit, Idle, Ignore, Monitor, NoReply, Reply, Request, Stop
from agentsup.otp.runtime import Runtime
from agentsup.otp.snapshot import ProcessSnapshot, RuntimeSnapshot, task_stack
from agentsup.otp.spawned import Spawned
from agentsup.otp.spread import Spread
from agentsup.otp.supervisor import Supervisor
from agentsup.otp.task import Exited, Returned, Task, TaskEnd, TaskReport, TimedOut, await_many
from agentsup.otp.task_stream import OnTimeout, TaskOutcome, TaskStream
from agentsup.otp.tasks import TaskSupervisor, callers
from agentsup.otp.timers import Timer

__all__ = [
    "BRUTAL_KILL",
    "Actor",
    "AlreadyPresent",
    "AlreadyRegistered",
    "AlreadyStarted",
    "AutoShutdownDone",
    "Backoff",
    "BadReturn",
    "CallCycle",
    "CallError",
    "CallTimeout",
    "CallbackFailed",
    "Caller",
    "CallingSelf",
    "Channel",
    "ChannelStatistics",
    "ChildError",
    "ChildInfo",
    "ChildSpec",
    "ChildType",
    "Continue",
    "Counts",
    "Crashed",
    "Dest",
    "Disconnected",
    "Dispatcher",
    "Down",
    "DynamicSupervisor",
    "Entry",
    "Exit",
    "ExitReason",
    "Exited",
    "Gone",
    "Idle",
    "Ignore",
    "InitFailed",
    "InitTimeout",
    "Killed",
    "MailboxFull",
    "MailboxSpec",
    "MailboxStatistics",
    "MaxChildren",
    "Monitor",
    "Name",
    "NoProc",
    "NoReply",
    "NoRuntime",
    "Normal",
    "NotAnActor",
    "NotFound",
    "NotTaskOwner",
    "OnTimeout",
    "ProcessEnded",
    "ProcessSnapshot",
    "ProcessStarted",
    "PubSub",
    "Ref",
    "Registered",
    "Registration",
    "Registry",
    "RegistryNews",
    "Reply",
    "Request",
    "Restart",
    "RestartLimit",
    "RestartLimitExceeded",
    "RestartScheduled",
    "Restarting",
    "Returned",
    "Running",
    "Runtime",
    "RuntimeEvent",
    "RuntimeSnapshot",
    "ServerDied",
    "Shutdown",
    "Spawned",
    "Spread",
    "StartError",
    "StartFailed",
    "StartIgnored",
    "Started",
    "Stop",
    "Subscriber",
    "Subscription",
    "SupFlags",
    "Supervisor",
    "SupervisorGaveUp",
    "Task",
    "TaskEnd",
    "TaskExited",
    "TaskOutcome",
    "TaskReport",
    "TaskSpent",
    "TaskStream",
    "TaskSupervisor",
    "TaskTimeout",
    "TimedOut",
    "Timer",
    "Unregistered",
    "ZombieParked",
    "await_many",
    "call",
    "callers",
    "cast",
    "check_childspecs",
    "count_children",
    "current_runtime",
    "delete_child",
    "demonitor",
    "exit",
    "get_childspec",
    "info",
    "like",
    "link",
    "monitor",
    "offer",
    "open_runtime",
    "reply",
    "reply_error",
    "restart_child",
    "root_causes",
    "send",
    "start_child",
    "stop",
    "sys",
    "task_stack",
    "terminate_child",
    "unlink",
    "wait_down",
    "whereis_registry",
    "which_children",
]
