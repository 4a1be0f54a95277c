#!/usr/bin/env escript
%%! +S1
%% The same things on the BEAM, with one scheduler: one line each, `name value`. `otp_beam_bench.py` runs it.
-module(otp_beam).
-mode(compile).
-export([main/1, init/1, handle_call/3, handle_cast/2, start_child/1]).

main(_) ->
    logger:set_primary_config(level, none),
    say("calls_1", calls(1, 400000)),
    say("calls_1000", calls(1000, 400)),
    {Starts, Bytes} = starts(100000),
    say("starts", Starts),
    say("bytes", Bytes),
    say("restart_us", restart(2000)).

say(Name, Value) -> io:format("~s ~.3f~n", [Name, float(Value)]).

%% The server, and its supervisors.
start_child(Args) -> gen_server:start_link(?MODULE, Args, []).
init({sup, Strategy, Child}) ->
    {ok, {#{strategy => Strategy, intensity => 1000000, period => 1}, [Child]}};
init({phoenix, Observer}) ->
    register(phoenix, self()),
    Observer ! {born, erlang:monotonic_time(nanosecond)},
    {ok, 0};
init(State) -> {ok, State}.
handle_call(Request, _From, State) -> {reply, Request, State}.
handle_cast(_, State) -> {noreply, State}.

sup(Strategy, Args) ->
    Child = #{id => child, start => {?MODULE, start_child, Args}},
    {ok, Sup} = supervisor:start_link(?MODULE, {sup, Strategy, Child}),
    Sup.

%% Round trips per second of CPU, over so many pairs at once.
calls(Pairs, Calls) ->
    Servers = [element(2, start_child(0)) || _ <- lists:seq(1, Pairs)],
    Parent = self(),
    Ask = fun Ask(_, 0) -> Parent ! done; Ask(Server, N) -> N = gen_server:call(Server, N), Ask(Server, N - 1) end,
    Took = timed(fun() ->
        [spawn(fun() -> Ask(Server, Calls) end) || Server <- Servers],
        [receive done -> ok end || _ <- Servers]
    end),
    Pairs * Calls / Took.

%% Supervised starts per second of CPU, and what each process takes.
starts(Count) ->
    Sup = sup(simple_one_for_one, []),
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    Took = timed(fun() -> [{ok, _} = supervisor:start_child(Sup, [N]) || N <- lists:seq(1, Count)] end),
    erlang:garbage_collect(),
    {Count / Took, (erlang:memory(total) - Before) / Count}.

%% From the kill to the next incarnation's init, with its name held: the median, in microseconds.
restart(Count) ->
    sup(one_for_one, [{phoenix, self()}]),
    receive {born, _} -> ok end,
    Took = [begin
        Began = erlang:monotonic_time(nanosecond),
        exit(whereis(phoenix), kill),
        receive {born, At} -> (At - Began) / 1000 end
    end || _ <- lists:seq(1, Count)],
    lists:nth(Count div 2, lists:sort(Took)).

%% Seconds of CPU, as the other side is measured.
timed(Fun) ->
    {Began, _} = erlang:statistics(runtime),
    Fun(),
    {Ended, _} = erlang:statistics(runtime),
    (Ended - Began) / 1.0e3.
