"""What each key of a scenario means, in one sentence; docs/generate.py refuses a key that is not here."""

from __future__ import annotations

from collections.abc import Mapping

TABLES: Mapping[str, str] = {
    "app": "The image under test and how it is started; the same in every arm.",
    "arms": "One or more ways to run the app, two to compare: a process model, what clients connect to, and options.",
    "budget": "What every arm may use in total, the front included.",
    "load": "How Locust drives each trial.",
    "images": "Base images.",
    "nodes": "The machines of a run that uses several: the first runs the arms, others drive load.",
    "sidecars": "What the app needs besides itself, such as a database: fresh in every trial, never part of an arm.",
    "jobs": "Steps before the app serves, such as migrations: each must end with exit code 0.",
    "trials": "How often everything is repeated.",
    "compare": "What gets a verdict; everything else is exploratory: a number and an interval, but no verdict.",
    "expect": "Your own conditions, see below.",
    "sweep": "Settings at each of which the arms are compared separately; the report shows them side by side.",
    "limits": "What `lab limits` looks for: the smallest memory limit in which each arm still does its work.",
    "swarm": "How a Swarm runs the services of the arms, with engine `swarm`.",
    "capacity": "A ladder of rates that each arm climbs in every trial: which is the highest that it carries?",
    "drills": "What is broken in every trial, on purpose and under load. Each drill has its own trials.",
}

MEANINGS: Mapping[str, str] = {
    "question": "What the run is to answer, in your words; the report opens with it.",
    "engine": "What runs the arms: `docker`, `process` (plain processes, no containers) or `swarm` (services of an "
    "existing Docker Swarm); `auto` uses Docker if it answers, otherwise `process`.",
    "network": "`host`: everything listens on 127.0.0.1 of the machine, on free ports. `own`: each trial has a "
    "network of its own, where every container keeps its image's port and is found by name; nothing is published. "
    "`auto` chooses `host` unless the app has a fixed port or sidecars, or the engine is elsewhere, and says why.",
    "nodes.name": "The name of the machine in tables and sentences.",
    "nodes.engine": "Where its Docker engine answers: `unix://…`, `tcp://…` or `ssh://user@host[:port][/socket]`, by "
    "the system's `ssh`; empty: the one that the environment names (`DOCKER_HOST`).",
    "nodes.tls": "The folder with `ca.pem`, `cert.pem` and `key.pem` for reaching an engine at `tcp://` over TLS; "
    "without it, `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` apply.",
    "nodes.address": "The IP address at which load from other nodes reaches it. The front is published there, and "
    "nowhere else.",
    "nodes.port": "The port there.",
    "nodes.cores": "Cores that the lab's agents use on that machine, such as `0-3,8`; empty: all. Those of the arms "
    "are `budget.cpuset`.",
    "swarm.endpoint_mode": "`dnsrr`: names lead straight to the tasks. `vip`: names lead to a virtual address for "
    "each service, which needs IPVS in the kernel of every node.",
    "swarm.front": "The node that runs the front, one of those that run parts of arms; if empty, the first. `*`: each "
    "of them runs one, and load processes are assigned to these in turn.",
    "ports": "The range from which free TCP ports are taken.",
    "app.build": "A folder with a Dockerfile; or `app.image`.",
    "app.image": "An existing image, present or to be pulled; or `app.build`.",
    "app.dockerfile": "The Dockerfile, as seen from `app.build`; it may be outside.",
    "app.target_stage": "The stage of the Dockerfile to build, by name (`FROM … AS name`); if empty, the last one.",
    "app.build_args": "Values for the `ARG`s of the Dockerfile. They stay readable in the image, so put no secrets "
    "here.",
    "app.requirements": "A requirements file, or a `pyproject.toml` with its dependencies; its wheels are fetched "
    "first, so that the build itself needs no network. Engine `process` makes the app's environment from it.",
    "app.target": "What uvicorn serves, `module:attribute`.",
    "app.command": "For images with their own way to start: a command with `{port}`, and `{workers}` for arms with "
    "workers.",
    "app.port": "Where the app always listens in its container; this implies a network of its own. There the default "
    "is 8000.",
    "app.entrypoint": 'The words before the command: `image` keeps the image\'s ENTRYPOINT, `""` drops it, anything '
    "else replaces it, with the placeholders of the command.",
    "app.ready_path": "The path that answers once a process is serving.",
    "app.ready_timeout": "How long an arm may take until all its processes have answered.",
    "app.server_header": "The header with which the app's answers name the process that gave them; empty: none. A "
    "header that several processes share is noticed and ignored.",
    "app.client_path": "The path under which the app returns, as JSON with `client` and `scheme`, who it thinks its "
    "client is; the lab checks both with a request that forges them. Empty: not checked.",
    "app.probe_headers": "Headers of every request that the lab itself sends to the app, such as `Host`; secrets as "
    "in `env`.",
    "app.env": "Environment variables of every arm. Secret values are masked everywhere, see SECURITY.md.",
    "app.loop": "uvicorn's event loop, equal in every arm; the image must have it.",
    "app.http": "uvicorn's HTTP implementation, equal in every arm; the image must have it.",
    "app.user": "The user instead of the image's own, as in `docker run --user`: `10001:10001`, or a name.",
    "app.capabilities": 'Capabilities that containers keep, as in `["CHOWN", "SETUID", "SETGID"]`; none without it.',
    "app.volumes": 'Folders in memory that the app may write to: `"/data"`, or a table with `path`, `size` (256 MiB), '
    "`mode` (1777), `uid` and `gid` (0). They are empty at each start, and count as the container's memory.",
    "app.read_only": "Whether the containers' file systems are read-only.",
    "app.healthcheck": "Whether the image's HEALTHCHECK runs in trials, where its processes and CPU count as the "
    "arm's.",
    "app.restart": "Docker's restart policy; with `no`, a death ends the trial.",
    "arms.name": "The name of the arm everywhere: lower-case letters, digits, hyphens.",
    "arms.model": "How N processes come about: a kind, or a table with the kind and its options, see below.",
    "arms.front": "What clients connect to: a kind, or a table with the kind and its options, see below.",
    "arms.command": "The command of this arm only, instead of `app.command`: then the arms differ in it as well.",
    "arms.network": "`host` or `own`, for this arm alone.",
    "arms.image": "An existing image for this arm alone, instead of the app's: to compare two versions of it.",
    "arms.proxy_headers": "True: the uvicorn that the lab starts believes what the arm's front says about clients "
    "(`--proxy-headers`).",
    "arms.restart": "`app.restart` for this arm alone; empty: as for the app. Then the arms differ in it as well.",
    "arms.watch": "Who watches whether the containers of the app still answer. `engine`: a watchdog asks each one "
    "once a second at `app.ready_path`, and restarts it after three failures in a row. `front`: the front's active "
    "checks if it has any (`check` of 1 s, unless set), otherwise its timeout (5 s behind nginx), for models of "
    "several containers.",
    "arms.control": "True for an arm that is not judged: its numbers are exploratory and cost no certainty.",
    "arms.env": "Environment variables of this arm only: then the arms differ in them as well.",
    "budget.processes": "N, the number of serving processes, equal in all arms.",
    "budget.cpus": "`none` (the default), `pooled:2.0` (one quota over the arm), `split:2.0` (shares by slot). At "
    "least 0.01 for each container.",
    "budget.memory": "`none` (the default), `pooled:1GiB` or `split:1GiB`. At least 6 MiB for each container.",
    "budget.cpuset": 'The cores that the arm may run on, as in `"0-1"`.',
    "load.locustfile": "An ordinary locustfile; it runs unchanged.",
    "load.root": "The locustfile's working directory, from which its project's modules are imported: where you would "
    "start Locust. By default the locustfile's folder, or the nearest one above it with a module or file that it "
    "needs.",
    "load.args": "The locustfile's own arguments (init_command_line_parser), as on Locust's command line.",
    "load.python": "Your own interpreter that runs the locustfile, with Locust 2.47 or newer.",
    "load.requirements": "The locustfile's packages: an environment with them and Locust is made once and kept.",
    "load.rate": "Arrivals a second (open model). Without it the locustfile's own closed model runs.",
    "load.schedule": "How arrivals are spread; seeded, and the same in every arm of a block.",
    "load.lanes": "Locust users: keep-alive connections, which bound concurrency.",
    "load.cores": 'Cores of this machine that the Locust processes use, as in `"2-3"`; empty: all. `lab capacity` '
    "separates load and arms by itself.",
    "load.nodes": "The nodes that drive load, by their names in `[[nodes]]`; none: the machine that runs the arms. "
    "Several share one schedule: together they send what one machine would.",
    "load.processes": "Locust processes, on each of `load.nodes`.",
    "load.users": "Names of the user classes to run; if empty, all of them.",
    "load.tags": "Only tasks with one of these tags.",
    "load.exclude_tags": "No task with one of these tags.",
    "load.settle": "How long the arm rests after the load while it is still sampled: what it then still holds is "
    "`memory.pss.idle`.",
    "load.idle": "How long the arm rests after it is ready, before any load.",
    "load.warmup": "Load that is not measured, equally long in all arms; extended to up to 30 s if the rate takes "
    "that long to give each serving process 100 requests.",
    "load.measure": "The time whose numbers count.",
    "images.python": "Fills `ARG PYTHON_IMAGE` of the Dockerfile.",
    "sidecars.name": "The name by which the app and the other services find it. No service of an arm may have the "
    "same name.",
    "sidecars.image": "Its image: present, pulled or, for `postgres` and `redis` of any tag, built from Debian's "
    "packages if no registry answers: `run.json` says what was substituted. Or `sidecars.build`.",
    "sidecars.build": "A folder with a Dockerfile; or `sidecars.image`.",
    "sidecars.dockerfile": "Name of the Dockerfile inside `sidecars.build`.",
    "sidecars.command": "Instead of the image's own command; its entrypoint stays.",
    "sidecars.env": "Its environment; secrets as in `app.env`.",
    "sidecars.ready": "When the services that follow may start: `tcp:PORT`, `http:PORT/PATH` (any status below 400), "
    "`exec:COMMAND` (run inside it until it exits with 0), or `exit` (it ends by itself, with 0). Empty: once it runs.",
    "sidecars.ready_timeout": "How long it may take to become ready.",
    "sidecars.volumes": "Folders in memory. Those that its image declares are in memory anyway.",
    "sidecars.user": "The user it runs as, instead of the image's own.",
    "sidecars.capabilities": "The capabilities that it keeps: by default those with which database images start as "
    "root and become another user.",
    "sidecars.read_only": "Whether its file system is read-only.",
    "sidecars.depends": "Names of the sidecars that must be ready before it starts.",
    "jobs.name": "Its name in the report.",
    "jobs.command": "What it runs.",
    "jobs.image": "Its image; without one it runs in the app's, with the app's environment.",
    "jobs.env": "Its environment, in addition to the app's if it runs in the app's image.",
    "jobs.times": "`once` in a deployment, or `each`: once for each container of the app, all at the same time.",
    "jobs.timeout": "How long it may take.",
    "trials.blocks": "Trials of every arm, fixed before the start. A verdict takes 6 for one judged interval (primary "
    "metrics × judged arms), 7 for two, 8 for up to six. Best a multiple of the number of arms, or of twice that "
    "number if it is odd.",
    "trials.looks": "Numbers of valid blocks, as in `[8, 12, 16, 20]`, after which the run may end early if every "
    "verdict is reached; the last is the number of blocks. All looks together have the error of one.",
    "trials.seed": "The seed of every random choice: order, schedule, start order.",
    "trials.restart_one": "Whether one serving process is restarted after each trial's load, to count the app's "
    "start-up steps again: a worker is killed and its supervisor replaces it; any other process is restarted with its "
    "container.",
    "compare.baseline": "The arm that the others are judged against; if empty, the first one.",
    "compare.judged": "The arms that are judged; by default every arm but the baseline and those with `control`.",
    "compare.headline": "The judged arms that the question is about: the answer begins with them. If empty, all.",
    "compare.primary": "The metrics that get a verdict. Each additional one widens every interval.",
    "compare.bounds": 'Bounds of practical equivalence instead of the catalogue\'s, as fractions: `{ "p99" = 0.2 }`.',
    "expect.that": "The condition.",
    "expect.name": "Its name in the report.",
    "sweep.processes": "Numbers of serving processes, instead of `budget.processes`.",
    "sweep.rate": "Arrivals a second, instead of `load.rate`. With several lists, every value is combined with every "
    "other.",
    "sweep.cpus": 'CPU quotas of the whole arm, instead of `budget.cpus` and in its form, such as `["split:1.0", '
    '"split:2.0"]`; you may list both pooled and split ones.',
    "sweep.memory": "Memory limits of the whole arm, instead of `budget.memory` and in its form, such as "
    '`["pooled:512MiB", "split:512MiB"]`.',
    "sweep.slo": "The conditions that an arm must meet at the smallest N or quota that is enough for it: as in "
    "`expect`, but without an arm, joined by `and`. An N, or a quota, counts only if they hold there and at every "
    "larger one tried.",
    "limits.modes": "How the limit is shared: `pooled` over the arm, or `split` between its containers.",
    "limits.slo": "What an arm must meet under a limit, in the form of `capacity.slo`. Without it, five times the p99 "
    "of the slowest arm without a limit.",
    "limits.measure": "How long a limit must hold.",
    "capacity.slo": "What an arm must meet to carry a rate, such as `p99 <= 50ms and errors <= 0.1%`: one percentile "
    "of `p50`, `p95`, `p99`, and the share of requests that may be bad. The percentile counts bad ones as slower than "
    "any number, so with a p99 no more than 1% may be bad. Without it, `lab capacity` finds one in its pilot.",
    "capacity.rates": "The ladder: increasing arrivals a second, the same for all arms. Without it, `lab capacity` "
    "finds them in its pilot.",
    "capacity.settle": "How long a rung is driven before it counts.",
    "capacity.measure": "How long a rung is measured; longer if its percentile needs more requests.",
    "capacity.drain": "How long nothing is sent after a rung: an arm that has not drained by then is saturated, and "
    "higher rungs do not count.",
    "capacity.quick": "A quick look: it only shows differences of more than 15%.",
    "capacity.beyond": "The least number of requests beyond its percentile at every rung: 4 for p99 take 400. Except "
    "in a quick look, no rung is extended beyond 1,000 requests.",
    "drills.verb": "`kill` (SIGKILL to a serving process), `hang` (SIGSTOP, and SIGCONT after `hold`), `block` (a "
    "request that keeps an event loop busy for `hold`), `roll` (every serving process is replaced), `deploy` "
    "(every container gives way to one of `image`), `oom` (a request has one process hold more than "
    "the memory limit), `kill-supervisor`, `kill-front` (SIGKILL to what others depend on), `crash-loop` (SIGKILL to "
    "a serving process, and for `hold` to whatever comes in its place), `recycle` (SIGTERM to every serving process, "
    "each at an instant drawn over `hold`), `slow-start` (`roll` of an app that takes more than 5 s to start, looked "
    "at for `hold`), `scale` (one serving process more), `rotate-cert` (a new certificate in place of the one that "
    "clients are shown, and connections are looked at for `hold`), `stop` (the app is stopped), `node-loss` (a node of "
    "a Swarm is drained, and its tasks come again on the others).",
    "drills.name": "How the run calls it; the verb when empty.",
    "drills.after": "When it happens, counted from the start of the measure phase: at the earliest then, and at most 2 "
    "s later, at the same instant in all arms of a block.",
    "drills.hold": "How long what is only held up stays so, or what is done again and again is done. uvicorn's "
    "supervisor acts after 5 s.",
    "drills.slo": "A request that takes longer than this, from its scheduled instant, is bad.",
    "drills.image": "What `deploy` deploys: an image that is here or can be pulled; the arm's own when empty.",
    "drills.request": "The path by which `block` blocks, with `{ms}` or `{seconds}` for `hold`, or by which `oom` has "
    "memory held, with `{mb}`; when empty that of the demo app, `/block?ms={ms}` or `/hold?mb={mb}`.",
    "drills.group": "For `oom`: the kernel kills the whole container (`memory.oom.group`, cgroup version 2 only).",
    "drills.drain": "For `roll`, `deploy` and `slow-start` of several containers behind a front: the front is told to "
    "pass no more requests to the one that is to be replaced, and what that has at hand may take so long. 0: nobody "
    "tells it.",
    "drills.style": "For `deploy` of several containers behind a front: one in the place of the other (`in-turn`), or "
    "a whole set of new ones beside them, to which the front then goes over (`blue-green`).",
    "drills.update": "For `roll`, `deploy` and `rotate-cert` with engine `swarm`: how it replaces tasks, as a table "
    "with any of `order` (`stop-first`, `start-first`), `parallelism` (containers at once, 1), `monitor` (how long a "
    "new task is looked at before the next one follows, 5 s) and `failure` (what becomes of an update whose new task "
    "fails until then: `pause`, `rollback` or `continue`).",
    "drills.node": "For `node-loss`: the node of `[[nodes]]` that is drained; when empty the last that can be. Never "
    "the first, nor that of the front, nor one that drives load.",
}
