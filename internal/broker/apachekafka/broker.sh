#!/bin/sh
# One Apache Kafka broker for tests, broker and controller in one process, on loopback.
#
#   broker.sh jars                      downloads the jars once and prints their folder
#   broker.sh start --dir DIR [--port N] [--with PID] [--proxy P]
#                                       starts a broker whose data is in DIR, or goes on with what is there; prints its
#                                       address when it is up. N and N+1 are used, default 39092. With PID it ends,
#                                       like a crash, when that process does. With P it listens on N+2 besides, and
#                                       tells those who connect there to come by 127.0.0.1:P, where a proxy has to be.
#   broker.sh stop --dir DIR            ends it
#   broker.sh kill --dir DIR            ends it like a crash
#
# Needs Java 17 or newer; Maven for the first time. Durability is off and few internal partitions are made: only for tests.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

fail() {
	echo "broker.sh: $*" >&2
	exit 1
}

usage="use: broker.sh jars | start --dir DIR [--port N] [--with PID] [--proxy P] | stop --dir DIR | kill --dir DIR"
[ $# -ge 1 ] || fail "$usage"
verb=$1
shift
dir='' port=39092 with='' proxy=''
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || fail "$usage"
	case $1 in
	--dir) dir=$2 ;;
	--port) port=$2 ;;
	--with) with=$2 ;;
	--proxy) proxy=$2 ;;
	*) fail "$usage" ;;
	esac
	shift 2
done

# jars prints the folder of the jars; it is named after what the pom asks for.
jars() {
	key=$(cksum <"$here/pom.xml" | tr -d ' ')
	keep=${XDG_CACHE_HOME:-$HOME/.cache}/homeostat/apachekafka-$key
	if [ ! -d "$keep" ]; then
		command -v mvn >/dev/null || fail "Maven (mvn) is needed to download Apache Kafka the first time"
		mkdir -p "${keep%/*}"
		fresh=$(mktemp -d "$keep.XXXXXX")
		mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fresh" >"$fresh.log" 2>&1 || {
			tail -n 5 "$fresh.log" >&2
			rm -rf "$fresh"
			fail "Apache Kafka could not be downloaded, see $fresh.log"
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
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))${proxy:+,PROXIED://127.0.0.1:$((port + 2))}
advertised.listeners=PLAINTEXT://127.0.0.1:$port${proxy:+,PROXIED://127.0.0.1:$proxy}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
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
	cat >"$dir/log4j2.xml" <<LOGGING
<Configuration status="WARN"><Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1}: %m%n"/></Console></Appenders>
<Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
LOGGING
}

alive() {
	[ -f "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null
}

start() {
	java=${JAVA_HOME:+$JAVA_HOME/bin/}java
	command -v "$java" >/dev/null || fail "Java 17 or newer is needed, and not found"
	libs=$(jars)
	if alive; then fail "a broker runs in $dir already"; fi
	configure
	set -- "$java" -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true \
		-Dlog4j2.configurationFile="$dir/log4j2.xml" -cp "$libs/*"
	if [ ! -f "$dir/data/meta.properties" ]; then
		"$@" kafka.tools.StorageTool format --config "$dir/broker.properties" --cluster-id homeostatHomeostatAAAA >"$dir/format.log" 2>&1 ||
			fail "the storage could not be formatted, see $dir/format.log"
	fi
	if [ -s "$dir/broker.log" ]; then cat "$dir/broker.log" >>"$dir/broker.before.log"; fi # of its earlier lives
	: >"$dir/broker.log"
	"$@" kafka.Kafka "$dir/broker.properties" >"$dir/broker.log" 2>&1 </dev/null &
	broker=$!
	echo $broker >"$dir/pid"
	if [ -n "$with" ]; then
		(
			while kill -0 "$with" && kill -0 $broker; do sleep 1; done
			kill -KILL $broker
		) >/dev/null 2>&1 </dev/null &
	fi
	waited=0
	until grep -q 'Kafka Server started' "$dir/broker.log"; do
		alive || fail "the broker ended while it started, see $dir/broker.log"
		[ $waited -lt 900 ] || fail "the broker did not start within 90 s, see $dir/broker.log"
		waited=$((waited + 1))
		sleep 0.1
	done
	echo "127.0.0.1:$port"
}

# finish SIGNAL ends the broker and waits until it is gone.
finish() {
	alive || { rm -f "$dir/pid"; return; }
	pid=$(cat "$dir/pid")
	kill "-$1" "$pid"
	waited=0
	while kill -0 "$pid" 2>/dev/null; do
		[ $waited -lt 600 ] || fail "process $pid does not end"
		waited=$((waited + 1))
		sleep 0.05
	done
	rm -f "$dir/pid"
}

case $verb in
jars) jars ;;
start | stop | kill)
	[ -n "$dir" ] || fail "$usage"
	case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
	case $verb in
	start) start ;;
	stop) finish TERM ;;
	kill) finish KILL ;;
	esac
	;;
*) fail "$usage" ;;
esac
