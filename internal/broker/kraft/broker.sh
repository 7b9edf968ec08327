#!/bin/sh
# One Apache Kafka broker and its controller, two processes on loopback. Together in one process they would start again
# together after a crash, and the broker as the leader it was.
#
#   broker.sh jars                      downloads the jars once and prints their folder
#   broker.sh start --dir DIR [--port N] [--with PID] [--settings FILE] [--scram USER:PASSWORD]... [--test]
#                                       starts a broker whose data is in DIR, or goes on with what is there; prints its
#                                       address when it is up. N and N+1 are used, default 39092. With PID both end,
#                                       like a crash, when that process does. The broker's settings in FILE win over those
#                                       made here. Users are made only when the data are new. --test is for tests: a
#                                       small, quickly started process.
#   broker.sh status --dir DIR          prints address, process of the broker and of the controller, if one of them runs
#   broker.sh stop --dir DIR            ends both
#   broker.sh kill --dir DIR            ends both like a crash
#   broker.sh crash --dir DIR           ends the broker like a crash
#
# Needs Java 17 or newer; Maven for the first time. Nothing is replicated and few internal partitions are made: for tests
# and trials. The exit status is 3 without Java, 4 without Maven, 5 when the download fails, 6 when a broker runs in DIR,
# 1 otherwise.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

# fail STATUS MESSAGE...
fail() {
	status=$1
	shift
	echo "$*" >&2
	exit "$status"
}

usage="use: broker.sh jars | start --dir DIR [--port N] [--with PID] [--settings FILE] [--scram USER:PASSWORD]... [--test] | status|stop|kill|crash --dir DIR"
[ $# -ge 1 ] || fail 1 "$usage"
verb=$1
shift
session=3 # seconds after which the controller takes a silent broker for dead
dir='' port=39092 with='' settings='' scram='' options="-Xms256m -Xmx1g"
while [ $# -gt 0 ]; do
	if [ "$1" = --test ]; then
		options="-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
		shift
		continue
	fi
	[ $# -ge 2 ] || fail 1 "$usage"
	case $1 in
	--dir) dir=$2 ;;
	--port) port=$2 ;;
	--with) with=$2 ;;
	--settings) settings=$2 ;;
	--scram) scram="$scram $2" ;;
	*) fail 1 "$usage" ;;
	esac
	shift 2
done

# jars prints the folder of the jars; it is named after what the pom asks for.
jars() {
	key=$(cksum <"$here/pom.xml" | tr -d ' ')
	keep=${XDG_CACHE_HOME:-$HOME/.cache}/homeostat/apachekafka-$key
	if [ ! -d "$keep" ]; then
		command -v mvn >/dev/null || fail 4 "Maven (mvn) is needed to download Apache Kafka the first time"
		mkdir -p "${keep%/*}"
		fresh=$(mktemp -d "$keep.XXXXXX")
		mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fresh" >"$fresh.log" 2>&1 || {
			tail -n 5 "$fresh.log" >&2
			rm -rf "$fresh"
			fail 5 "Apache Kafka could not be downloaded, see $fresh.log"
		}
		rm -f "$fresh.log"
		mv "$fresh" "$keep" 2>/dev/null || rm -rf "$fresh" # another one was quicker
	fi
	echo "$keep"
}

# configure writes the settings of both. What the file of settings says of authorisation is for the controller, too.
configure() {
	mkdir -p "$dir"
	for node in controller broker; do
		cat >"$dir/$node.properties" <<PROPERTIES
process.roles=$node
controller.quorum.voters=2@127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
broker.session.timeout.ms=${session}000
broker.heartbeat.interval.ms=200
log.cleaner.dedupe.buffer.size=4194304
PROPERTIES
	done
	cat >>"$dir/controller.properties" <<PROPERTIES
node.id=2
listeners=CONTROLLER://127.0.0.1:$((port + 1))
log.dirs=$dir/metadata
PROPERTIES
	cat >>"$dir/broker.properties" <<PROPERTIES
node.id=1
listeners=PLAINTEXT://127.0.0.1:$port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/data
PROPERTIES
	if [ -n "$settings" ]; then
		cat "$settings" >>"$dir/broker.properties"
		grep -E '^(authorizer|super)\.' "$settings" >>"$dir/controller.properties" || true
	fi
	cat >"$dir/log4j2.xml" <<LOGGING
<Configuration status="WARN"><Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1}: %m%n"/></Console></Appenders>
<Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
LOGGING
}

# alive NODE says whether the process that was started here last runs, and sets pid; another one may have its number by now.
alive() {
	[ -f "$dir/$1.pid" ] || return 1
	pid=$(cat "$dir/$1.pid")
	kill -0 "$pid" 2>/dev/null || return 1
	if [ -r "/proc/$pid/cmdline" ]; then
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$dir/$1.properties"
	else
		ps -p "$pid" -o args= | grep -qF "$dir/$1.properties"
	fi
}

# java_of NODE ARGUMENT... runs Java with the node's options.
java_of() {
	memory=$options
	if [ "$1" = controller ]; then memory="-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"; fi
	shift
	# shellcheck disable=SC2086 # options are words
	exec "$java" $memory -Djava.awt.headless=true -Dlog4j2.configurationFile="$dir/log4j2.xml" -cp "$libs/*" "$@"
}

# format NODE FOLDER makes its storage, unless it has one.
format() {
	if [ -f "$2/meta.properties" ]; then return; fi
	users=''
	if [ "$1" = controller ]; then
		for u in $scram; do
			for m in SCRAM-SHA-256 SCRAM-SHA-512; do
				users="$users --add-scram $m=[name=${u%%:*},password=${u#*:}]"
			done
		done
	fi
	# shellcheck disable=SC2086
	(java_of "$1" kafka.tools.StorageTool format --config "$dir/$1.properties" --cluster-id homeostatHomeostatAAAA $users) >"$dir/format.log" 2>&1 ||
		fail 1 "the storage of the $1 could not be formatted, see $dir/format.log: $(tail -n 3 "$dir/format.log")"
}

# launch NODE starts it in the background.
launch() {
	: >"$dir/$1.log"
	(trap '' HUP; java_of "$1" kafka.Kafka "$dir/$1.properties") >"$dir/$1.log" 2>&1 </dev/null &
	node=$!
	echo $node >"$dir/$1.pid"
	if [ -n "$with" ]; then
		(
			while kill -0 "$with" && kill -0 $node; do sleep 1; done
			kill -KILL $node
		) >/dev/null 2>&1 </dev/null &
	fi
}

# await waits until the broker can be used.
await() {
	waited=0
	until grep -q 'Kafka Server started' "$dir/broker.log"; do
		for node in controller broker; do
			kill -0 "$(cat "$dir/$node.pid")" 2>/dev/null || fail 1 "the $node ended while the broker started, see $dir/$node.log: $(tail -n 3 "$dir/$node.log")"
		done
		[ $waited -lt 900 ] || fail 1 "the broker did not start within 90 s, see $dir/broker.log"
		waited=$((waited + 1))
		sleep 0.1
	done
}

# fenced waits until the controller takes the broker for dead, after it ended like a crash. It begins to load the groups'
# positions as the leader it was otherwise, and again when it is made the leader: Kafka gives out wrong ones then.
fenced() {
	waited=0
	until grep -oE 'Fencing broker 1 |from broker 1 to unfence has been granted' "$dir/controller.log" | tail -n 1 | grep -q Fencing; do
		if [ $waited -ge $((30 * session)) ]; then return; fi # it was taken for dead before the controller started
		waited=$((waited + 1))
		sleep 0.1
	done
}

start() {
	java=${JAVA_HOME:+$JAVA_HOME/bin/}java
	command -v "$java" >/dev/null || fail 3 "Java 17 or newer is needed, and not found"
	libs=$(jars)
	if alive broker; then fail 6 "a broker runs in $dir already"; fi
	if alive controller && [ "$(cat "$dir/address")" != "127.0.0.1:$port" ]; then finish TERM controller; fi
	configure
	crashed=''
	if [ -f "$dir/data/meta.properties" ] && [ ! -f "$dir/data/.kafka_cleanshutdown" ]; then crashed=yes; fi
	if ! alive controller; then
		format controller "$dir/metadata" &
		formatting=$!
		format broker "$dir/data"
		wait $formatting
		launch controller
	fi
	if [ -n "$crashed" ]; then fenced; fi
	launch broker
	echo "127.0.0.1:$port" >"$dir/address"
	await broker
	cat "$dir/address"
}

# status prints address, process of the broker and of the controller, 0 for one that does not run.
status() {
	controller=0 broker=0
	if alive controller; then controller=$pid; fi
	if alive broker; then broker=$pid; fi
	if [ "$broker$controller" != 00 ]; then echo "$(cat "$dir/address") $broker $controller"; fi
}

# gone says whether the process pid has closed all that it had; init may be slow to ask for its end.
gone() {
	if ! kill -0 "$pid" 2>/dev/null; then return 0; fi
	grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null && grep -q '^Threads:.1$' "/proc/$pid/status"
}

# finish SIGNAL NODE ends a node and waits until it is gone.
finish() {
	alive "$2" || { rm -f "$dir/$2.pid"; return 0; }
	kill "-$1" "$pid"
	waited=0
	until gone; do
		[ $waited -lt 600 ] || fail 1 "process $pid does not end"
		waited=$((waited + 1))
		sleep 0.05
	done
	rm -f "$dir/$2.pid"
}

case $verb in
jars) jars ;;
start | status | stop | kill | crash)
	[ -n "$dir" ] || fail 1 "$usage"
	case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
	case $verb in
	start) start ;;
	status) status ;;
	stop) finish TERM broker && finish TERM controller ;;
	kill) finish KILL broker && finish KILL controller ;;
	crash) finish KILL broker ;;
	esac
	;;
*) fail 1 "$usage" ;;
esac
