package doctor

// checks are all there are, in the order in which they run: what others build on comes first.
var checks = []check{
	{name: "brokers", look: brokers},
	{name: "certificates", look: certificates},
	{name: "sources", cluster: true, look: sources},
	{name: "topics", cluster: true, look: topics},
	{name: "rights", cluster: true, look: rights},
	{name: "replication", cluster: true, look: replication},
	{name: "sizes", cluster: true, look: sizes},
	{name: "retention", cluster: true, look: retention},
	{name: "limits of brokers", cluster: true, look: brokerLimits},
	{name: "decoding", cluster: true, look: decoding},
	{name: "schema registry", look: schemaRegistry},
	{name: "clocks", cluster: true, look: clocks},
	{name: "event times", cluster: true, look: eventTimes},
	{name: "series", cluster: true, look: cardinality},
	{name: "keys", cluster: true, look: keys},
	{name: "lag", cluster: true, look: lag},
	{name: "state", look: stateStore},
	{name: "memory", look: memory},
	{name: "open files", look: openFiles},
}
