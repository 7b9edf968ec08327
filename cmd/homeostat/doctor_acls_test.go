package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/internal/doctor"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// On an Apache Kafka that lets users do only what ACLs allow, the doctor says that all rights are there, and names each one that is
// taken away.
func TestDoctorNamesMissingRights(t *testing.T) {
	g := newGuarded(t, map[string]string{"detect": "detect-secret"})
	acls, err := g.plan.ACLs(pipeline.Detect)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHOP_USER", "detect")
	password := func(s string) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(g.file), "password"), []byte(s+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	password("detect-secret")
	w := &ward{t: t, file: g.file}
	g.allow("detect", acls)
	all := w.examine("--stages", "detect", "--write")
	expect(t, all, doctor.OK, "rights", "stage detect", "this user has all ")
	expect(t, all, doctor.OK, "brokers", "by TLS, authenticated by SCRAM-SHA-512")
	expect(t, all, doctor.OK, "topics", "are there, with the partitions and settings that are needed")
	expect(t, all, doctor.Skipped, "limits of brokers", "DescribeConfigs on the cluster")
	expect(t, w.examine("--stages", "detect"), doctor.OK, "rights", "only a trial tells of Write on transactional id shop.")
	for i, missing := range acls {
		rest := slices.Delete(slices.Clone(acls), i, i+1)
		left := plan.ACL{Resource: missing.Resource, Name: missing.Name, Prefixed: missing.Prefixed, Operation: "Describe"}
		if missing.Operation != "Describe" && !slices.Contains(rest, left) {
			rest = append(rest, left) // the right itself is to be missed, not what it includes
		}
		g.allow("detect", rest)
		want := missing.Operation + " on " + strings.ReplaceAll(missing.Resource, "-", " ") + " " + missing.Name
		expect(t, w.examine("--stages", "detect", "--write", "--sample", "10"), doctor.Fault, "rights", "stage detect", "this user lacks "+want, "explain --acls")
	}
	password("wrong")
	expect(t, w.examine("--stages", "detect"), doctor.Fault, "brokers", "kafka.sasl.refused")
}
