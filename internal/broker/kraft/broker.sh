#!/bin/sh
# One Apache Kafka broker, broker and controller in one process, on loopback.
#
#   broker.sh jars                      downloads the jars once and prints their folder
#   broker.sh start --dir DIR [--port N] [--with PID] [--settings FILE] [--scram USER:PASSWORD]... [--test]
#                                       starts a broker whose data is in DIR, or goes on with what is there; prints its
#                                       address when it is up. N and N+1 are used, default 39092. With PID it ends,
#                                       like a crash, when that process does. The broker's settings in FILE win over those
#                                       made here. Users are made only when the data are new. --test is for tests: a
#                                       small, quickly started process.
#   broker.sh status --dir DIR          prints address and process of a broker that runs
#   broker.sh stop --dir DIR            ends it
#   broker.sh kill --dir DIR            ends it like a crash
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

usage="use: broker.sh jars | start --dir DIR [--port N] [--with PID] [--settings FILE] [--scram USER:PASSWORD]... [--test] | status|stop|kill --dir DIR"
[ $# -ge 1 ] || fail 1 "$usage"
verb=$1
shift
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

configure() {
	mkdir -p "$dir"
	cat >"$dir/broker.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/data
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
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
log.cleaner.dedupe.buffer.size=4194304
PROPERTIES
	if [ -n "$settings" ]; then cat "$settings" >>"$dir/broker.properties"; fi
	cat >"$dir/log4j2.xml" <<LOGGING
<Configuration status="WARN"><Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1}: %m%n"/></Console></Appenders>
<Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
LOGGING
}

# alive says whether the process that was started here last runs; another one may have its number by now.
alive() {
	[ -f "$dir/pid" ] || return 1
	pid=$(cat "$dir/pid")
	kill -0 "$pid" 2>/dev/null || return 1
	if [ -r "/proc/$pid/cmdline" ]; then
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$dir/broker.properties"
	else
		ps -p "$pid" -o args= | grep -qF "$dir/broker.properties"
	fi
}

start() {
	java=${JAVA_HOME:+$JAVA_HOME/bin/}java
	command -v "$java" >/dev/null || fail 3 "Java 17 or newer is needed, and not found"
	libs=$(jars)
	if alive; then fail 6 "a broker runs in $dir already"; fi
	configure
	# shellcheck disable=SC2086 # options are words
	set -- "$java" $options -Djava.awt.headless=true -Dlog4j2.configurationFile="$dir/log4j2.xml" -cp "$libs/*"
	if [ ! -f "$dir/data/meta.properties" ]; then
		users=''
		for u in $scram; do
			for m in SCRAM-SHA-256 SCRAM-SHA-512; do
				users="$users --add-scram $m=[name=${u%%:*},password=${u#*:}]"
			done
		done
		# shellcheck disable=SC2086
		"$@" kafka.tools.StorageTool format --config "$dir/broker.properties" --cluster-id homeostatHomeostatAAAA $users >"$dir/format.log" 2>&1 ||
			fail 1 "the storage could not be formatted, see $dir/format.log: $(tail -n 3 "$dir/format.log")"
	fi
	: >"$dir/broker.log"
	nohup "$@" kafka.Kafka "$dir/broker.properties" >"$dir/broker.log" 2>&1 </dev/null &
	broker=$!
	echo $broker >"$dir/pid"
	echo "127.0.0.1:$port" >"$dir/address"
	if [ -n "$with" ]; then
		(
			while kill -0 "$with" && kill -0 $broker; do sleep 1; done
			kill -KILL $broker
		) >/dev/null 2>&1 </dev/null &
	fi
	waited=0
	until grep -q 'Kafka Server started' "$dir/broker.log"; do
		kill -0 $broker 2>/dev/null || fail 1 "the broker ended while it started, see $dir/broker.log: $(tail -n 3 "$dir/broker.log")"
		[ $waited -lt 900 ] || fail 1 "the broker did not start within 90 s, see $dir/broker.log"
		waited=$((waited + 1))
		sleep 0.1
	done
	cat "$dir/address"
}

status() {
	if alive; then echo "$(cat "$dir/address") $(cat "$dir/pid")"; fi
}

# finish SIGNAL ends the broker and waits until it is gone.
finish() {
	alive || { rm -f "$dir/pid"; return; }
	pid=$(cat "$dir/pid")
	kill "-$1" "$pid"
	waited=0
	while kill -0 "$pid" 2>/dev/null; do
		[ $waited -lt 600 ] || fail 1 "process $pid does not end"
		waited=$((waited + 1))
		sleep 0.05
	done
	rm -f "$dir/pid"
}

case $verb in
jars) jars ;;
start | status | stop | kill)
	[ -n "$dir" ] || fail 1 "$usage"
	case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
	case $verb in
	start) start ;;
	status) status ;;
	stop) finish TERM ;;
	kill) finish KILL ;;
	esac
	;;
*) fail 1 "$usage" ;;
esac
