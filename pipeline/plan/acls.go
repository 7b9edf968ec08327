package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// ACL is one right that a user needs on the cluster, in Kafka's words.
type ACL struct {
	// Resource is topic, group or transactional-id, as kafka-acls.sh has its flags.
	Resource string
	Name     string
	// Prefixed means all names that begin with Name.
	Prefixed bool
	// Operation is Read, Write, Create, Describe or DescribeConfigs. Read and Write include Describe.
	Operation string
}

// ACLs returns what a process needs that runs only that stage, and nothing more: all topics must be there already, see
// TopicACLs. Where all sources are fused, ingest is detect and needs the same.
func (p *Plan) ACLs(stage pipeline.Stage) ([]ACL, error) {
	chosen, err := p.Choose(string(stage))
	if err != nil {
		return nil, err
	}
	s := chosen[0]
	var topics []ACL
	add := func(operation, topic string) {
		topics = append(topics, ACL{Resource: "topic", Name: topic, Operation: operation})
	}
	for _, topic := range s.Inputs {
		add("Read", topic)
	}
	for _, topic := range s.Outputs {
		add("Write", topic)
	}
	// What its lanes know, and what they took from the clock.
	add("Read", p.Topics.State.Name)
	add("Write", p.Topics.State.Name)
	if stage != pipeline.Act {
		add("Read", p.Topics.Times.Name)
		add("Write", p.Topics.Times.Name)
	}
	// Each process checks partitions and settings of all topics of the pipeline when it starts.
	for _, src := range p.Sources {
		if src.Topic != "" {
			add("Describe", src.Topic)
		}
	}
	for _, topic := range p.OwnTopics() {
		add("Describe", topic.Name)
		add("DescribeConfigs", topic.Name)
	}
	out := append(least(topics), ACL{Resource: "group", Name: s.Group, Operation: "Read"})
	if p.Transactions {
		out = append(out, ACL{Resource: "transactional-id", Name: p.Pipeline + ".", Prefixed: true, Operation: "Write"})
	}
	return out, nil
}

// least drops repetitions, and Describe where Read or Write includes it.
func least(acls []ACL) []ACL {
	var out []ACL
	for _, a := range acls {
		included := a.Operation == "Describe" && slices.ContainsFunc(acls, func(b ACL) bool {
			return b.Resource == a.Resource && b.Name == a.Name && (b.Operation == "Read" || b.Operation == "Write")
		})
		if !included && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// TopicACLs returns what the first process needs besides ACLs while the pipeline's own topics are not there yet.
func (p *Plan) TopicACLs() []ACL {
	var out []ACL
	for _, topic := range p.OwnTopics() {
		out = append(out, ACL{Resource: "topic", Name: topic.Name, Operation: "Create"})
	}
	return out
}

// FeedACLs returns what the command feed needs to write to a topic that is there.
func FeedACLs(topic string) []ACL {
	return []ACL{{Resource: "topic", Name: topic, Operation: "Write"}, {Resource: "topic", Name: topic, Operation: "DescribeConfigs"}}
}

// TapACLs returns what the command tap needs to read a topic.
func TapACLs(topic string) []ACL {
	return []ACL{{Resource: "topic", Name: topic, Operation: "Read"}}
}

// ExplainACLs writes the rights of each stage as a shell script for kafka-acls.sh, with a user for each stage. A source that is
// not keyed is taken to have several partitions, so that ingest is a stage of its own.
func (p *Plan) ExplainACLs(w io.Writer) error {
	several := map[string]int{}
	for _, s := range p.Sources {
		several[s.Topic] = 2
	}
	p.Place(several)
	defer p.Place(nil)
	var b strings.Builder
	fmt.Fprintf(&b, "# What the stages of pipeline %s may do, and nothing more: a user for each stage, %s-STAGE.\n", p.Pipeline, p.Pipeline)
	b.WriteString("# With client certificates a user is User:CN=…; one that runs several stages needs the rights of each.\n")
	brokers := "kafka:9092"
	if len(p.Bootstrap) > 0 {
		brokers = p.Bootstrap[0]
	}
	fmt.Fprintf(&b, ": \"${KAFKA_ACLS:?set it to kafka-acls.sh --bootstrap-server %s --command-config admin.properties}\"\n", brokers)
	for _, s := range p.Stages() {
		acls, err := p.ACLs(s.Stage)
		if err != nil {
			return err
		}
		title := "stage " + string(s.Stage)
		if s.Stage == pipeline.Detect && !p.Ingest.Runs() {
			title += " with ingest"
		}
		writeACLs(&b, title, p.Pipeline+"-"+string(s.Stage), acls)
	}
	b.WriteString("\n# Whoever starts first makes the topics below. Remove these rights afterwards, or make the topics as\n" +
		"# `homeostat explain` shows them and leave the rights out.\n")
	writeACLs(&b, "", p.Pipeline+"-"+string(p.Stages()[0].Stage), p.TopicACLs())
	for _, s := range p.Sources {
		if s.Topic != "" {
			writeACLs(&b, "homeostat feed --topic "+s.Topic+" (Create as well if the topic is not there)", p.Pipeline+"-feed", FeedACLs(s.Topic))
		}
	}
	b.WriteString("\n# homeostat tap, for the topics that may be seen\n")
	for _, topic := range p.OwnTopics() {
		writeACLs(&b, "", p.Pipeline+"-tap", TapACLs(topic.Name))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeACLs writes a command for each resource.
func writeACLs(b *strings.Builder, title, user string, acls []ACL) {
	if title != "" {
		fmt.Fprintf(b, "\n# %s\n", title)
	}
	done := map[ACL]bool{}
	for _, a := range acls {
		resource := a
		resource.Operation = ""
		if done[resource] {
			continue
		}
		done[resource] = true
		fmt.Fprintf(b, "$KAFKA_ACLS --add --allow-principal User:%s", user)
		for _, other := range acls {
			if other.Resource == a.Resource && other.Name == a.Name && other.Prefixed == a.Prefixed {
				fmt.Fprintf(b, " --operation %s", other.Operation)
			}
		}
		if a.Prefixed {
			b.WriteString(" --resource-pattern-type prefixed")
		}
		fmt.Fprintf(b, " --%s %s\n", a.Resource, a.Name)
	}
}
