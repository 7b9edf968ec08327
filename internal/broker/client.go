package broker

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go/sasl"
)

// Config says how to reach a cluster.
type Config struct {
	// Bootstrap lists addresses, host:port, of some brokers of the cluster. At least one.
	Bootstrap []string
	// ClientID is what brokers log and meter by. Default "homeostat".
	ClientID string
	// Instance is the stable name of this process, unique in its deployment. It goes into the client id and into
	// the metadata of committed offsets.
	Instance string
	// TLS, if set, is used for every connection.
	TLS *tls.Config
	// SASL, if set, authenticates every connection.
	SASL sasl.Mechanism
	// Compression of record batches that are written. Default LZ4.
	Compression Compression
	// MaxBatchBytes bounds one record batch that is written, compressed: max.message.bytes of the topics written to.
	// Default 1,048,588, Kafka's own default.
	MaxBatchBytes int
	// RequestTimeout bounds one request. Default 10 s.
	RequestTimeout time.Duration
	// Logger gets what was repeated and why. Default slog.Default().
	Logger *slog.Logger
}

// TopicPartition names one partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Client is a connection to a cluster. All methods may be called by any number of goroutines.
type Client struct{}

// Open checks the configuration. It does not connect yet: the first call does, and repeats until brokers are there.
func Open(cfg Config) (*Client, error) { return nil, errNotYet }

// Close closes the connections. Fetchers and groups must be closed before.
func (c *Client) Close() {}

var errNotYet = pipeline.Errorf("broker.incomplete", "BUG: not built yet")
