// Package embedded runs a Kafka broker inside the process, on loopback: for tests, demonstrations and single-node trials.
// It is not Apache Kafka: nothing is replicated, and transactions end at once, where a real broker needs milliseconds.
package embedded

import (
	"crypto/tls"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/twmb/franz-go/pkg/kfake"
)

// Options of a broker. The zero value is a broker in memory on a free port.
type Options struct {
	// Port to listen on, 0 for a free one.
	Port int
	// Dir keeps the data over restarts; "" keeps it in memory.
	Dir string
	// SyncWrites makes every write durable before it is answered.
	SyncWrites bool
	// MinSession is the shortest session that groups may ask for; default 6 s, as on Apache Kafka.
	MinSession time.Duration
	// TLS, if set, is what every connection uses.
	TLS *tls.Config
	// Users, if there are any, are who may connect; they may do all.
	Users []User
}

// User is one who may connect by SASL.
type User struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	Mechanism, Name, Password string
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
}

// Start starts a broker on 127.0.0.1.
func Start(opts Options) (*Broker, error) {
	set := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(opts.Port)}
	if opts.Dir != "" {
		set = append(set, kfake.DataDir(opts.Dir))
	}
	if opts.SyncWrites {
		set = append(set, kfake.SyncWrites())
	}
	if opts.MinSession > 0 {
		set = append(set, kfake.GroupMinSessionTimeout(opts.MinSession))
	}
	if opts.TLS != nil {
		set = append(set, kfake.TLS(opts.TLS))
	}
	for _, u := range opts.Users {
		set = append(set, kfake.EnableSASL(), kfake.Superuser(u.Mechanism, u.Name, u.Password))
	}
	cluster, err := kfake.NewCluster(set...)
	if err != nil {
		return nil, pipeline.Errorf("kafka.embedded.start", "the embedded broker did not start on 127.0.0.1:%s: %w", strconv.Itoa(opts.Port), err)
	}
	return &Broker{cluster: cluster}, nil
}

// Addr returns the address to connect to, host:port.
func (b *Broker) Addr() string { return b.cluster.ListenAddrs()[0] }

// Close stops the broker. What is in memory is lost.
func (b *Broker) Close() { b.cluster.Close() }
