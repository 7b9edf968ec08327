package broker

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// Config says how to reach a cluster.
type Config struct {
	// Bootstrap lists addresses, host:port, of some brokers of the cluster. At least one.
	Bootstrap []string
	// ClientID is what brokers log and meter by. Default "homeostat".
	ClientID string
	// Instance is the stable name of this process, unique in its deployment. If set it is part of the client id.
	Instance string
	// TLS, if set, is used for every connection.
	TLS *tls.Config
	// SASL, if set, authenticates every connection.
	SASL sasl.Mechanism
	// Compression of record batches that are written. The zero value is LZ4.
	Compression Compression
	// MaxBatchBytes bounds one record batch that is written: max.message.bytes of the topics written to.
	// Default 1,048,588, Kafka's own default. A record that does not fit has a batch of its own, as large as EnsureTopics
	// was told that the topic's max.message.bytes is.
	MaxBatchBytes int
	// RequestTimeout bounds one request. Default 10 s.
	RequestTimeout time.Duration
	// Patience bounds how long EnsureTopics, Partitions, Bounds and NewTransactor wait for brokers that don't answer or are
	// still starting. 0 is a minute; below 0 they wait for as long as ctx allows, as all other calls do.
	Patience time.Duration
	// Logger gets what is repeated for long, and why. Default slog.Default().
	Logger *slog.Logger
}

// TopicPartition names one partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Client is a connection to a cluster. All methods may be called by any number of goroutines.
type Client struct {
	cfg       Config
	clientID  string
	addr      net.Addr
	log       *slog.Logger
	transport *kafka.Transport
	lifetime  context.Context // over once the client is closed
	end       context.CancelFunc
	topology  topology
	encoders  sync.Pool // *encoder
	robin     roundRobin
	reach     reach
}

// Open checks the configuration. It does not connect yet: the first call does.
func Open(cfg Config) (*Client, error) {
	if len(cfg.Bootstrap) == 0 {
		return nil, pipeline.Errorf("kafka.bootstrap.missing", "no Kafka broker is named: give at least one address, host:port")
	}
	for _, a := range cfg.Bootstrap {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return nil, pipeline.Errorf("kafka.bootstrap.address", "%q is not an address of a Kafka broker, write host:port: %w", a, err)
		}
	}
	if cfg.Compression < 0 || cfg.Compression > None {
		return nil, pipeline.Errorf("kafka.compression.unknown", "compression %d is not known: use one of the package's constants", cfg.Compression)
	}
	if cfg.MaxBatchBytes == 0 {
		cfg.MaxBatchBytes = DefaultBatchBytes
	}
	if cfg.MaxBatchBytes < 1024 {
		return nil, pipeline.Errorf("kafka.batch.limit", "%d bytes are too few for a record batch: use 1024 or more", cfg.MaxBatchBytes)
	}
	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = 10 * time.Second
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "homeostat"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	c := &Client{cfg: cfg, clientID: cfg.ClientID, addr: kafka.TCP(cfg.Bootstrap...), log: cfg.Logger}
	if cfg.Instance != "" {
		c.clientID += "-" + cfg.Instance
	}
	lifetime, end := context.WithCancel(context.Background())
	c.lifetime, c.end = lifetime, end
	c.transport = &kafka.Transport{
		// What a request that comes too late would start ends at once.
		Context:  lifetime,
		ClientID: c.clientID,
		TLS:      cfg.TLS,
		SASL:     cfg.SASL,
		// Only the brokers' addresses come from the transport's cache, so it asks for no topics at all.
		MetadataTopics: []string{},
		MetadataTTL:    time.Second,
	}
	return c, nil
}

// Close closes the connections for good: what is asked for later fails. Fetchers and groups must be closed before.
func (c *Client) Close() {
	c.end()
	c.transport.CloseIdleConnections()
}

// ask sends one request and returns its answer.
func ask[R any](ctx context.Context, c *Client, req kafka.Request) (R, error) {
	return askFor[R](ctx, c, req, c.cfg.RequestTimeout)
}

func askFor[R any](ctx context.Context, c *Client, req kafka.Request, limit time.Duration) (R, error) {
	var none R
	if c.lifetime.Err() != nil {
		return none, pipeline.Errorf("kafka.client.closed", "a %T was asked for after the connections to Kafka had been closed: nothing can be done any more, start anew", req)
	}
	// Without a deadline a connection that went silent would be waited on for ever.
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	res, err := c.transport.RoundTrip(bounded, c.addr, req)
	if err != nil {
		c.unheard(ctx, err)
		return none, err
	}
	c.answered()
	r, ok := res.(R)
	if !ok {
		return none, pipeline.Errorf("kafka.answer.type", "BUG: a %T was answered by a %T", req, res)
	}
	return r, nil
}
