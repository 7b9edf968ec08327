package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/homeostat/homeostat/examples"
	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/apachekafka"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/plant"
)

// guarded is the shop on an Apache Kafka that lets users do only what ACLs allow.
type guarded struct {
	t     *testing.T
	kafka *apachekafka.Secured
	admin *kgo.Client
	super *broker.Client
	rig   *plant.Rig
	file  string
	plan  *plan.Plan
}

// What each stage and command is said to need is enough, and without any one of the rights it fails, at once, with an
// error that names the right.
func TestACLsAreEnoughAndNothingMore(t *testing.T) {
	users := map[string]string{}
	for _, name := range []string{"detect", "operate", "act", "feed", "tap", "init"} {
		users[name] = name + "-secret"
	}
	g := newGuarded(t, users)
	g.feedsAndTaps()
	// Each run of detect reads all from the beginning. Ten minutes make it write all that it writes; operate needs the burst
	// that comes after them for a remediation.
	g.emit(10 * time.Minute)
	for _, stage := range []pipeline.Stage{pipeline.Detect, pipeline.Operate, pipeline.Act} {
		acls, err := g.plan.ACLs(stage)
		if err != nil {
			t.Fatal(err)
		}
		command := []string{"run", "-c", g.file, "--until-end", "--stages", string(stage)}
		g.needs(string(stage), acls, command...)
		if stage == pipeline.Detect {
			g.emit(22 * time.Minute)
			if err := g.as(string(stage), command...); err != nil {
				t.Errorf("%s with all its rights, later: %v", stage, err)
			}
		}
		// What nobody can read makes the next stage write a dead letter.
		for _, topic := range []string{g.plan.Topics.Events.Name, g.plan.Topics.Incidents.Name} {
			g.produce(broker.Message{Topic: topic, Value: []byte("illegible"), Headers: []pipeline.Header{{Key: "ce_type", Value: []byte("x")}}})
		}
	}
}

func newGuarded(t *testing.T, users map[string]string) *guarded {
	g := &guarded{t: t, kafka: apachekafka.StartSecured(t, users)}
	dir := t.TempDir()
	shop, err := examples.Files.ReadFile("shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	runbooks, err := examples.Files.ReadFile("runbooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	security := fmt.Sprintf(`
instance: one
kafka:
  bootstrap: [%q]
  tls: {ca: %q}
  sasl: {mechanism: scram-sha-512, user: "${SHOP_USER}", password: file:password}
sinks:
  - file: {dir: %q}
`, g.kafka.SASL, g.kafka.Authority.CA, t.TempDir())
	g.file = filepath.Join(dir, "shop.yaml")
	for name, text := range map[string]string{"shop.yaml": string(shop) + security, "runbooks.yaml": string(runbooks), "password": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SHOP_USER", "nobody")
	if _, g.plan, err = load(g.file); err != nil {
		t.Fatal(err)
	}
	if g.admin, err = kgo.NewClient(kgo.SeedBrokers(g.kafka.Addr())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.admin.Close)
	if g.super, err = broker.Open(broker.Config{Bootstrap: []string{g.kafka.Addr()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.super.Close)
	var topics []broker.Topic
	for _, topic := range g.plan.Topics.All() {
		topics = append(topics, broker.Topic{Name: topic.Name, Partitions: topic.Partitions, Settings: topic.Config})
	}
	for _, s := range g.plan.Sources {
		topics = append(topics, broker.Topic{Name: s.Topic, Partitions: 1, Settings: map[string]string{"retention.ms": "-1"}})
	}
	topics = append(topics, broker.Topic{Name: "fed", Partitions: 1, Settings: map[string]string{"retention.ms": "-1"}})
	if err := g.super.EnsureTopics(g.context(), topics); err != nil {
		t.Fatal(err)
	}
	scenario, err := plant.Lookup("ceiling")
	if err != nil {
		t.Fatal(err)
	}
	if g.rig, err = plant.NewRig(plant.RigConfig{
		Scenario: scenario, Seed: 1, Start: demoStart(true), Interval: demoInterval,
		MetricsTopic: g.plan.Sources[0].Topic, LogsTopic: g.plan.Sources[1].Topic, InboxTopic: g.plan.Topics.Inbox.Name,
	}); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guarded) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	g.t.Cleanup(cancel)
	return ctx
}

func (g *guarded) produce(messages ...broker.Message) {
	g.t.Helper()
	if err := g.super.Produce(g.context(), messages); err != nil {
		g.t.Fatal(err)
	}
}

// emit writes what the plant, whose database jams after a while, says of so much more time, and a record that nobody can read.
func (g *guarded) emit(span time.Duration) {
	g.t.Helper()
	messages := []broker.Message{{Topic: g.plan.Sources[0].Topic, Value: []byte("illegible")}}
	for end := g.rig.Now().Add(span); g.rig.Now().Before(end); {
		records, err := g.rig.Step()
		if err != nil {
			g.t.Fatal(err)
		}
		for _, rec := range records {
			messages = append(messages, broker.Message{Topic: rec.Topic, Partition: 0, Key: rec.Key, Value: rec.Value, Headers: rec.Headers})
		}
	}
	g.produce(messages...)
}

// as runs a command as a user, from any goroutine. A command that does not end is an error, and runs on.
func (g *guarded) as(user string, args ...string) error {
	g.t.Helper()
	g.t.Setenv("SHOP_USER", user)
	if err := os.WriteFile(filepath.Join(filepath.Dir(g.file), "password"), []byte(user+"-secret\n"), 0o600); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		_, err := run(g.t, args...)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		return fmt.Errorf("homeostat %s as %s does not end", strings.Join(args, " "), user)
	}
}

// forget takes a group's positions back, so that the next run reads all again.
func (g *guarded) forget(group string) {
	g.t.Helper()
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{group}
	for {
		res, err := req.RequestWith(g.context(), g.admin)
		if err == nil {
			err = kerr.ErrorForCode(res.Groups[0].ErrorCode)
		}
		switch {
		case err == nil, errors.Is(err, kerr.GroupIDNotFound):
			return
		case !kerr.IsRetriable(err) && !errors.Is(err, kerr.NonEmptyGroup):
			g.t.Fatal(err)
		}
	}
}

// needs takes each right away in turn, expects the command to fail for want of it, and then to succeed with all.
func (g *guarded) needs(user string, acls []plan.ACL, args ...string) {
	g.t.Helper()
	g.allow(user, acls)
	for i, missing := range acls {
		rest := append(append([]plan.ACL{}, acls[:i]...), acls[i+1:]...)
		// Describe is a part of Read and Write; left there, it is the right itself that is missed.
		left := missing
		left.Operation = "Describe"
		if missing.Resource == "topic" && (missing.Operation == "Read" || missing.Operation == "Write") {
			rest = append(rest, left)
		}
		g.allow(user, rest)
		g.forget(g.plan.Pipeline + "." + user)
		start := time.Now()
		err := g.as(user, args...)
		want := fmt.Sprintf("%s on %s %s", missing.Operation, strings.ReplaceAll(missing.Resource, "-", " "), missing.Name)
		if err == nil || !strings.HasPrefix(pipeline.Code(err), "kafka.access.") || !strings.Contains(err.Error(), want) {
			g.t.Errorf("%s without %s: %v", user, want, err)
		}
		g.t.Logf("%s without %s: %s", user, want, time.Since(start).Round(time.Millisecond))
	}
	g.allow(user, acls)
	if err := g.as(user, args...); err != nil {
		g.t.Errorf("%s with all its rights: %v", user, err)
	}
}

func (g *guarded) feedsAndTaps() {
	g.t.Helper()
	file := series(g.t)
	path := nabWith(g.t, filepath.Dir(g.file), fmt.Sprintf("  tls: {ca: %q}\n  sasl: {mechanism: plain, user: \"${SHOP_USER}\", password: file:password}\n", g.kafka.Authority.CA))
	g.needs("feed", plan.FeedACLs("fed"), "feed", file, "--topic", "fed", "-c", path, "--bootstrap", g.kafka.SASL)
	g.needs("tap", plan.TapACLs("fed"), "tap", "fed", "-c", path, "--bootstrap", g.kafka.SASL)
	g.begins(path)
}

// begins looks at a topic with the right to read it, without one, and without any.
func (g *guarded) begins(path string) {
	g.t.Helper()
	out := filepath.Join(g.t.TempDir(), "first.yaml")
	look := []string{"init", "--topic", "fed", "-c", path, "--bootstrap", g.kafka.SASL}
	g.needs("init", plan.TapACLs("fed"), look...)
	if err := g.as("init", append(look, "-o", out)...); err != nil {
		g.t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(text), `sasl: {mechanism: plain, user: "${SHOP_USER}", password: "file:/`) || !strings.Contains(string(text), "tls: {ca: ") || strings.Contains(string(text), "init-secret") {
		g.t.Errorf("%v: init writes\n%s", err, text)
	}
	g.allow("init", nil)
	if err := g.as("init", look...); pipeline.Code(err) != "kafka.access.topic" || !strings.Contains(err.Error(), "Describe on topic fed") {
		g.t.Errorf("init without any right: %v", err)
	}
}

// allow makes these the only rights of a user, and waits until the broker knows.
func (g *guarded) allow(user string, acls []plan.ACL) {
	g.t.Helper()
	principal := "User:" + user
	drop := kmsg.NewPtrDeleteACLsRequest()
	f := kmsg.NewDeleteACLsRequestFilter()
	f.ResourceType, f.ResourcePatternType, f.Principal = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny, &principal
	f.Operation, f.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	drop.Filters = append(drop.Filters, f)
	if _, err := drop.RequestWith(g.context(), g.admin); err != nil {
		g.t.Fatal(err)
	}
	create := kmsg.NewPtrCreateACLsRequest()
	var want []string
	for _, a := range acls {
		c := kmsg.NewCreateACLsRequestCreation()
		c.ResourceName, c.Principal, c.Host, c.PermissionType = a.Name, principal, "*", kmsg.ACLPermissionTypeAllow
		c.ResourcePatternType = kmsg.ACLResourcePatternTypeLiteral
		if a.Prefixed {
			c.ResourcePatternType = kmsg.ACLResourcePatternTypePrefixed
		}
		var err error
		if c.ResourceType, err = kmsg.ParseACLResourceType(a.Resource); err != nil {
			g.t.Fatal(err)
		}
		if c.Operation, err = kmsg.ParseACLOperation(a.Operation); err != nil {
			g.t.Fatal(err)
		}
		create.Creations = append(create.Creations, c)
		want = append(want, fmt.Sprint(c.ResourceType, c.ResourcePatternType, c.ResourceName, c.Operation))
	}
	slices.Sort(want)
	res, err := create.RequestWith(g.context(), g.admin)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, r := range res.Results {
		if r.ErrorCode != 0 {
			g.t.Fatalf("an ACL is refused: %d", r.ErrorCode)
		}
	}
	// As many as before may be those of before.
	for !slices.Equal(g.rights(principal), want) {
	}
}

// rights asks the broker what rights a user has.
func (g *guarded) rights(principal string) (all []string) {
	g.t.Helper()
	ask := kmsg.NewPtrDescribeACLsRequest()
	ask.ResourceType, ask.ResourcePatternType, ask.Principal = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny, &principal
	ask.Operation, ask.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	res, err := ask.RequestWith(g.context(), g.admin)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, r := range res.Resources {
		for _, a := range r.ACLs {
			all = append(all, fmt.Sprint(r.ResourceType, r.ResourcePatternType, r.ResourceName, a.Operation))
		}
	}
	slices.Sort(all)
	return all
}

// A right that is taken away from a running process ends it with an error that names the right, whatever it was doing.
func TestARightTakenAwayWhileRunning(t *testing.T) {
	g := newGuarded(t, map[string]string{"detect": "detect-secret"})
	acls, err := g.plan.ACLs(pipeline.Detect)
	if err != nil {
		t.Fatal(err)
	}
	metrics, events := g.plan.Sources[0].Topic, g.plan.Topics.Events.Name
	group := g.plan.Detect.Group
	for _, c := range []struct{ operation, resource, name string }{
		{"Read", "topic", metrics}, {"Write", "topic", events}, {"Read", "group", group},
	} {
		g.allow("detect", acls)
		g.forget(group)
		ended := make(chan error, 1)
		go func() { ended <- g.as("detect", "run", "-c", g.file, "--stages", "detect") }()
		before := g.position(group, metrics)
		g.emit(5 * time.Minute)
		for g.position(group, metrics) <= before {
			select {
			case err := <-ended:
				t.Fatalf("it ended before a right was taken away: %v", err)
			case <-time.After(20 * time.Millisecond):
			}
		}
		g.revoke("detect", c.operation, c.resource, c.name)
		g.emit(5 * time.Minute)
		err := <-ended
		if want := fmt.Sprintf("%s on %s %s", c.operation, c.resource, c.name); !strings.HasPrefix(pipeline.Code(err), "kafka.access.") || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", want, err)
		}
	}
}

// revoke takes one right away from a user, and leaves the others as they are.
func (g *guarded) revoke(user, operation, resource, name string) {
	g.t.Helper()
	principal := "User:" + user
	drop := kmsg.NewPtrDeleteACLsRequest()
	f := kmsg.NewDeleteACLsRequestFilter()
	f.ResourcePatternType, f.Principal, f.ResourceName, f.PermissionType = kmsg.ACLResourcePatternTypeAny, &principal, &name, kmsg.ACLPermissionTypeAllow
	var err error
	if f.ResourceType, err = kmsg.ParseACLResourceType(resource); err != nil {
		g.t.Fatal(err)
	}
	if f.Operation, err = kmsg.ParseACLOperation(operation); err != nil {
		g.t.Fatal(err)
	}
	drop.Filters = append(drop.Filters, f)
	res, err := drop.RequestWith(g.context(), g.admin)
	if err != nil {
		g.t.Fatal(err)
	}
	if len(res.Results[0].MatchingACLs) != 1 {
		g.t.Fatalf("%d rights to %s on %s %s are taken away", len(res.Results[0].MatchingACLs), operation, resource, name)
	}
}

// position is where a group is in the first partition of a topic.
func (g *guarded) position(group, topic string) int64 {
	g.t.Helper()
	tp := broker.TopicPartition{Topic: topic}
	have, err := g.super.Committed(g.context(), group, []broker.TopicPartition{tp})
	if err != nil {
		g.t.Fatal(err)
	}
	return have[tp]
}
