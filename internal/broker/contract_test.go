package broker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker/apachekafka"
	"github.com/homeostat/homeostat/internal/broker/embedded"
)

// rig is a running cluster and the names that one case may use in it.
type rig struct {
	t         *testing.T
	bootstrap string
	apache    bool
	prefix    string
}

var rigs atomic.Int64

func (r *rig) name(s string) string { return r.prefix + "-" + s }

func (r *rig) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	r.t.Cleanup(cancel)
	return ctx
}

func (r *rig) client(change ...func(*Config)) *Client {
	cfg := Config{Bootstrap: []string{r.bootstrap}, Instance: "test", Logger: slog.New(slog.NewTextHandler(testWriter{r.t}, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	for _, c := range change {
		c(&cfg)
	}
	c, err := Open(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// topic makes a topic and returns its name.
func (r *rig) topic(c *Client, name string, partitions int) string {
	r.t.Helper()
	name = r.name(name)
	if err := c.EnsureTopics(r.context(), []Topic{{Name: name, Partitions: partitions}}); err != nil {
		r.t.Fatal(err)
	}
	return name
}

// contract is what the package promises, whatever the broker is.
var contract = []struct {
	name string
	run  func(*testing.T, *rig)
}{
	{"topics are made and checked", topicsAreMade},
	{"what is produced is fetched", producedIsFetched},
	{"a large record goes where it may be large", largeRecordGoes},
	{"records keep all their parts", recordsKeepTheirParts},
	{"other clients read what we write", othersReadUs},
	{"we read what other clients write", weReadOthers},
	{"keys go where other clients put them", keysMeet},
	{"bounds follow the log and its transactions", boundsFollow},
	{"a retention gap is reported", gapIsReported},
	{"a fetcher obeys", fetcherObeys},
	{"an absent topic stops its partition", absentTopicStops},
	{"a group shares out and takes back", groupSharesOut},
	{"a generation ends when it is released", releaseEndsGeneration},
	{"outputs and positions are committed together", committedTogether},
	{"aborted records stay unseen", abortedStayUnseen},
	{"positions are stable right after a commit", positionsAreStable},
	{"large outputs are one transaction", largeOutputs},
	{"a zombie is fenced", zombieIsFenced},
	{"a dead owner's transaction is ended", deadOwnerIsEnded},
	{"a stale generation loses only its share", staleGenerationLoses},
	{"an expired transaction is not another process", expiredIsRepeated},
	{"positions move without a transaction too", plainPositions},
	{"a share without a generation is refused", noGeneration},
	{"a record that fits nowhere aborts the transaction", tooLargeAborts},
	{"a lost answer repeats nothing", lostAnswers},
	{"doubt is told, and the positions resolve it", doubtIsResolved},
}

func TestContractEmbedded(t *testing.T) {
	b, err := embedded.Start(embedded.Options{MinSession: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	runContract(t, b.Addr(), false)
}

func runContract(t *testing.T, bootstrap string, apache bool) {
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) {
			prefix := fmt.Sprintf("c%d-%d", os.Getpid(), rigs.Add(1))
			c.run(t, &rig{t: t, bootstrap: bootstrap, apache: apache, prefix: prefix})
		})
	}
}

// TestContractApache runs on KAFKA_BOOTSTRAP if it is set, otherwise on a broker of its own.
func TestContractApache(t *testing.T) {
	t.Parallel()
	if b := os.Getenv("KAFKA_BOOTSTRAP"); b != "" {
		runContract(t, b, true)
		return
	}
	runContract(t, apachekafka.Start(t).Addr(), true)
}
