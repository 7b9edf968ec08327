package otlp

import (
	"encoding/binary"

	"github.com/homeostat/homeostat/pipeline"
)

// peerSlot is an attribute that says with whom a span's service spoke (opentelemetry.io/docs/specs/semconv; the second ones are what
// older producers call the same).
type peerSlot int

const (
	peerService peerSlot = iota
	peerServiceOld
	destinationTemplate
	destinationTemporary
	destinationAnonymous
	destination
	destinationOld
	serverAddress
	serverAddressOld
	dbSystem
	dbSystemOld
	dbNamespace
	dbNamespaceOld
	rpcService
	peerSlots
)

func peerSlotOf(key []byte) (peerSlot, bool) {
	switch string(key) {
	case "service.peer.name":
		return peerService, true
	case "peer.service":
		return peerServiceOld, true
	case "messaging.destination.template":
		return destinationTemplate, true
	case "messaging.destination.temporary":
		return destinationTemporary, true
	case "messaging.destination.anonymous":
		return destinationAnonymous, true
	case "messaging.destination.name":
		return destination, true
	case "messaging.destination":
		return destinationOld, true
	case "server.address":
		return serverAddress, true
	case "net.peer.name":
		return serverAddressOld, true
	case "db.system.name":
		return dbSystem, true
	case "db.system":
		return dbSystemOld, true
	case "db.namespace":
		return dbNamespace, true
	case "db.name":
		return dbNamespaceOld, true
	case "rpc.service":
		return rpcService, true
	}
	return 0, false
}

// Names of the metrics and labels that spans make.
const (
	spanCalls, spanErrors, spanDuration       = "traces.span.metrics.calls", "traces.span.metrics.errors", "traces.span.metrics.duration"
	edgeRequests, edgeFailures, edgeDurations = "traces.service.graph.request", "traces.service.graph.request.failed", "traces.service.graph.request.client"

	labelKind, labelName, labelStatus, labelPeer, labelPeerType = "span.kind", "span.name", "status.code", "peer", "peer.type"
)

// seriesOf finds the series of the span by the raw bytes of what makes their labels.
func (c *tracesCodec) seriesOf(res uint32) spanSeries {
	s := &c.span
	c.key = append(c.key[:0], byte(s.kind), byte(c.statusLabel()))
	if c.operation {
		c.key = append(binary.AppendUvarint(c.key, uint64(len(s.name))), s.name...)
	}
	c.key = c.appendKey(c.key, &s.peer)
	if s.dimensions.any {
		c.key = c.appendKey(append(c.key, byte(peerSlots)), &s.dimensions)
	}
	number, hash, ok := c.spans.Find(res, c.key)
	if !ok {
		series, d := c.admit(&c.origins[res])
		if d.what != sound {
			c.stop(d)
			return spanSeries{}
		}
		number = uint32(len(c.series))
		c.series = append(c.series, series)
		c.spans.Add(hash, res, c.key, number)
	}
	return c.series[number]
}

// statusLabel is the status as far as it makes a label.
func (c *tracesCodec) statusLabel() int64 {
	if s := c.span.status; c.status && s > 0 && s < int64(len(statusNames)) {
		return s
	}
	return 0
}

// admit interns the series of the span.
func (c *tracesCodec) admit(o *origin) (series spanSeries, d defect) {
	s := &c.span
	labels, size, d := c.labelsOf(append(make([]pipeline.Label, 0, len(o.labels)+8), o.labels...), o.bytes, c.b, c.dimensions.names, &s.dimensions)
	if d.what != sound {
		return series, d
	}
	kind := max(s.kind, kindInternal)
	labels = append(labels, pipeline.Label{Name: labelKind, Value: kindPrefix + kindNames[kind]})
	peer, peerType, d := c.peer()
	if d.what != sound {
		return series, d
	}
	if peer != "" {
		labels = append(labels, pipeline.Label{Name: labelPeer, Value: peer}, pipeline.Label{Name: labelPeerType, Value: peerType})
	}
	if c.operation && len(s.name) > 0 {
		labels = append(labels, pipeline.Label{Name: labelName, Value: text(s.name)})
		size += len(s.name)
	}
	if size+len(peer) > c.limits.labelBytes {
		return series, defect{tooMuchText, s.at, ""}
	}
	names := [3]string{spanCalls, spanErrors, spanDuration}
	if s.kind == kindClient || s.kind == kindProducer {
		names = [3]string{edgeRequests, edgeFailures, edgeDurations}
	}
	own := func(more ...pipeline.Label) []pipeline.Label {
		return pipeline.NewLabels(append(append(make([]pipeline.Label, 0, len(labels)+1), labels...), more...))
	}
	var status []pipeline.Label
	if c.status {
		status = []pipeline.Label{{Name: labelStatus, Value: statusPrefix + statusNames[c.statusLabel()]}}
	}
	return spanSeries{
		calls:    c.intern(names[0], "{request}", pipeline.Delta, own(status...)),
		errors:   c.intern(names[1], "{request}", pipeline.Delta, own()),
		duration: c.intern(names[2], "s", pipeline.Gauge, own(status...)),
	}, defect{}
}

// intern returns refused when the table is full: it only grows, so it stays so.
func (c *tracesCodec) intern(name, unit string, typ pipeline.SeriesType, labels []pipeline.Label) uint32 {
	series, err := c.table.Intern(name, unit, typ, labels)
	if err != nil {
		return refused
	}
	return series
}

// peer returns with whom the service spoke and what kind of thing that is, in the order that NewTraces tells; "" if it is not
// known.
func (c *tracesCodec) peer() (peer, peerType string, d defect) {
	get := func(slots ...peerSlot) string {
		for _, slot := range slots {
			v := c.span.peer.values[slot]
			if !v.there() || d.what != sound {
				continue
			}
			if v.to-v.from > 8*c.limits.labelBytes {
				d = defect{tooMuchText, v.from, ""}
				continue
			}
			value := string(c.text(nil, c.b, v, false))
			if d = c.texts.defect; value != "" {
				return value
			}
		}
		return ""
	}
	if !c.span.peer.any {
		return "", "", d
	}
	topic := get(destinationTemplate)
	if topic == "" && (get(destinationTemporary) == "true" || get(destinationAnonymous) == "true") {
		topic = "(temporary)"
	}
	if topic == "" {
		topic = get(destination, destinationOld)
	}
	if c.span.kind == kindConsumer {
		return topic, "messaging", d
	}
	service, address := get(peerService, peerServiceOld), get(serverAddress, serverAddressOld)
	system, database, rpc := get(dbSystem, dbSystemOld), get(dbNamespace, dbNamespaceOld), get(rpcService)
	switch {
	case service != "":
		return service, "service", d
	case topic != "":
		return topic, "messaging", d
	case address != "" && system != "":
		return address, "database", d
	case address != "" && rpc != "":
		return address, "rpc", d
	case address != "":
		return address, "address", d
	case system != "" && database != "":
		return system + "/" + database, "database", d
	case system+database != "":
		return system + database, "database", d
	}
	return rpc, "rpc", d
}
