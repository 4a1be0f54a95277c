"""A static supervisor as a pure model, written from the rules S3 to S20 and not from the code.

Time is a number, children are records in start order, and everything that starts or ends is written down in the order in which it must be heard of.
"""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen
class Fate:
    """What a start of a child comes to: `ok`, `ignore`, or `fail` with the delay it asks for."""

    kind: str = "ok"
    delay: float = 0.0


@attrs.frozen
class Plan:
    """A child's spec, as far as the rules care."""

    id: str
    restart: str = "permanent"
    significant: bool = False
    brutal: bool = False


@attrs.define(eq=False)
class Kid:
    """One child."""

    plan: Plan
    state: str = "stopped"
    failures_until: float | None = None
    """When its next start is due, while it waits for one of its own."""


class Refused(Exception):
    """A request was answered with an error of this name."""


@attrs.define(eq=False)
class Model:
    """The supervisor: what it has, what must have been heard, and how it ended, if it did."""

    strategy: str
    auto: str
    intensity: float
    period: float
    fates: dict[str, list[Fate]]
    now: float = 0.0
    kids: list[Kid] = attrs.field(factory=list)
    heard: list[tuple[str, str]] = attrs.field(factory=list)
    attempts: list[float] = attrs.field(factory=list)
    over: str | None = None
    group: list[Kid] = attrs.field(factory=list)
    """Those who wait to be started together."""
    group_due: float | None = None
    trigger: Kid | None = None

    # What is known of it.

    def find(self, id: str) -> Kid | None:
        return next((kid for kid in self.kids if kid.plan.id == id), None)

    def which(self) -> list[tuple[str, str]]:
        """Newest first (S19)."""
        return [(kid.plan.id, kid.state) for kid in reversed(self.kids)]

    def running(self) -> list[str]:
        return [kid.plan.id for kid in self.kids if kid.state == "running"]

    def used(self) -> int:
        """S11 with the strict float window of the design: an attempt counts while now - t < period."""
        return sum(self.now - at < self.period for at in self.attempts)

    # What one can ask.

    def open(self, plans: list[Plan]) -> None:
        """S3: in list order. S4: no retry, the earlier ones stop again in reverse. S5: ignore is success."""
        self.kids = [Kid(plan) for plan in plans]
        for kid in list(self.kids):
            fate = self.launch(kid)
            if fate.kind == "fail":
                self.close("start failed")
                return
            if fate.kind == "ignore" and kid.plan.restart == "temporary":
                self.kids.remove(kid)

    def start_child(self, plan: Plan) -> None:
        """S18: a live id, a kept id, a failing start of which nothing is stored. S5: ignore keeps the spec, except a temporary one's."""
        present = self.find(plan.id)
        if present is not None:
            raise Refused("AlreadyStarted" if present.state == "running" else "AlreadyPresent")
        kid = Kid(plan)
        self.kids.append(kid)
        self.started_by_hand(kid, keep=False)

    def restart_child(self, id: str) -> None:
        """S19: only a stopped one; its spec is kept whatever comes of it."""
        self.started_by_hand(self.stopped(id), keep=True)

    def started_by_hand(self, kid: Kid, *, keep: bool) -> None:
        fate = self.launch(kid)
        if fate.kind == "fail" and not keep:
            self.kids.remove(kid)
        if fate.kind == "ignore" and kid.plan.restart == "temporary":
            self.kids.remove(kid)
        if fate.kind != "ok":
            raise Refused("InitFailed" if fate.kind == "fail" else "StartIgnored")

    def terminate_child(self, id: str) -> None:
        """S19: stops it and keeps the spec, a temporary one's not. S17: a pending restart is called off; who waited for it goes on without it."""
        kid = self.known(id)
        waited = kid in self.group
        if waited:
            self.group.remove(kid)
        if kid.state == "running":
            self.end(kid, "Killed" if kid.plan.brutal else "Shutdown")
        kid.state, kid.failures_until = "stopped", None
        if kid.plan.restart == "temporary":
            self.kids.remove(kid)
        if waited and kid is self.trigger:
            self.start_group()

    def delete_child(self, id: str) -> None:
        """S19: only a stopped one."""
        self.kids.remove(self.stopped(id))

    def known(self, id: str) -> Kid:
        kid = self.find(id)
        if kid is None:
            raise Refused("NotFound")
        return kid

    def stopped(self, id: str) -> Kid:
        kid = self.known(id)
        if kid.state != "stopped":
            raise Refused("Running" if kid.state == "running" else "Restarting")
        return kid

    # What happens to it.

    def dies(self, id: str, how: str, delay: float = 0.0) -> None:
        """S9: who is restarted. S10: what stays of those who are not. S20: whether that was the end."""
        kid = self.find(id)
        if kid is None or kid.state != "running":
            return
        self.end(kid, how)
        kid.state = "stopped"
        clean = how in ("Normal", "Shutdown")
        restart = kid.plan.restart
        if restart == "permanent" or (restart == "transient" and not clean):
            self.fails(kid, delay)
            return
        if restart == "temporary":
            self.kids.remove(kid)
        if kid.plan.significant:
            self.significant_end()

    def significant_end(self) -> None:
        left = any(kid.plan.significant and kid.state in ("running", "restarting") for kid in self.kids)
        if self.auto == "any_significant" or (self.auto == "all_significant" and not left):
            self.close("auto_shutdown")

    def passes(self, seconds: float) -> None:
        """Time goes by, and what is due in it is done in order."""
        until = self.now + seconds
        while self.over is None:
            due = [kid for kid in self.kids if kid.failures_until is not None and kid.failures_until <= until]
            kid = min(due, key=lambda kid: kid.failures_until or 0.0, default=None)
            if self.group_due is not None and self.group_due <= until:
                self.now = self.group_due
                self.attempt(self.trigger)
            elif kid is not None:
                assert kid.failures_until is not None
                self.now = kid.failures_until
                self.attempt(kid)
            else:
                break
        self.now = until

    def fails(self, kid: Kid, delay: float) -> None:
        """S13 to S16: whom it concerns is stopped in reverse order, then comes the delay, then the attempt."""
        kid.state = "restarting"
        due = self.now + delay
        if self.strategy != "one_for_one":
            due = max(due, self.group_due or due)  # what one of a group was asked to wait, the group waits
            self.gather(kid)
        if due == self.now:
            self.attempt(kid)
        elif self.strategy == "one_for_one":
            kid.failures_until = due
        else:
            self.group_due = due

    def gather(self, kid: Kid) -> None:
        """S14, S15: all whom it concerns stop and wait for the start, also the stopped ones; S16: at the retry, also who was started by hand since."""
        concerned = self.concerned(kid)
        self.stop_all(concerned, but=kid)
        self.group = [each for each in concerned if each.plan.restart != "temporary"]
        for each in self.group:
            each.state, each.failures_until = "restarting", None
        self.trigger = kid

    def concerned(self, kid: Kid) -> list[Kid]:
        if self.strategy == "one_for_all":
            return list(self.kids)
        first = min(self.kids.index(each) for each in (kid, *self.group))
        return self.kids[first:]

    def stop_all(self, kids: list[Kid], *, but: Kid | None = None) -> None:
        for each in reversed(kids):
            if each.state == "running" and each is not but:
                self.end(each, "Killed" if each.plan.brutal else "Shutdown")
                each.state = "stopped"
                if each.plan.restart == "temporary":
                    self.kids.remove(each)

    def attempt(self, kid: Kid | None) -> None:
        """S11, S12: every attempt counts, one per failure however many it restarts; one too many is the end."""
        assert kid is not None
        kid.failures_until = self.group_due = None
        self.attempts.append(self.now)
        if self.used() > self.intensity:
            self.close("limit")
        elif self.strategy == "one_for_one":
            self.restart(kid)
        else:
            self.gather(kid)
            self.start_group()

    def restart(self, kid: Kid) -> None:
        fate = self.launch(kid)
        if fate.kind == "fail":
            self.fails(kid, fate.delay)

    def start_group(self) -> None:
        """In start order; S16: a start that fails is a failure like another."""
        self.group_due = None
        while self.group and self.over is None:
            kid = self.group[0]
            fate = self.launch(kid)
            if fate.kind == "fail":
                self.fails(kid, fate.delay)
                return
            self.group.pop(0)

    def launch(self, kid: Kid) -> Fate:
        fates = self.fates.get(kid.plan.id)
        fate = fates.pop(0) if fates else Fate()
        if fate.kind == "ok":
            kid.state = "running"
            self.heard.append(("start", kid.plan.id))
        else:
            kid.state = "stopped"
            self.heard.append(("no start", kid.plan.id))
        return fate

    def end(self, kid: Kid, how: str) -> None:
        self.heard.append((how, kid.plan.id))

    def close(self, why: str) -> None:
        """S6, S12, S20: whoever runs is stopped in reverse start order."""
        self.over = why
        self.stop_all(list(self.kids))

    def killed(self) -> None:
        """S22: its children are killed with it, in no order."""
        self.over = "killed"
        for kid in self.kids:
            if kid.state == "running":
                self.end(kid, "Killed")
                kid.state = "stopped"

    def statistics(self) -> dict[str, Any]:
        """S19: supervisors and workers count specs, dead or alive."""
        return {"specs": len(self.kids), "active": len(self.running()), "supervisors": 0, "workers": len(self.kids)}
