package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// access is how a command gets to Kafka: the brokers to ask first, none for an embedded one, and how the connections are
// secured.
type access struct {
	bootstrap []string
	tls       *config.TLS
	sasl      *config.SASL
}

// accessOf is the access that a pipeline's configuration describes.
func accessOf(p *plan.Plan) access {
	return access{bootstrap: p.Bootstrap, tls: p.TLS(), sasl: p.SASL()}
}

// accessBy is the access that the flags --bootstrap and --config describe; the first one wins over the brokers of the
// second. Without both it is an embedded broker.
func accessBy(bootstrap, path string) (access, error) {
	var a access
	if path != "" {
		_, p, err := load(path)
		if err != nil {
			return a, err
		}
		a = accessOf(p)
	}
	return a.at(bootstrap), nil
}

// at is the same access to other brokers, a list with commas; "" keeps those there are.
func (a access) at(bootstrap string) access {
	if bootstrap != "" {
		a.bootstrap = strings.Split(bootstrap, ",")
	}
	return a
}

// secured makes what the client needs of TLS and SASL.
func (a access) secured(cfg broker.Config) (broker.Config, error) {
	var err error
	if a.tls != nil {
		files := broker.TLSFiles{CA: a.tls.CA, Cert: a.tls.Cert, Key: a.tls.Key, ServerName: a.tls.ServerName}
		if cfg.TLS, err = files.Open(); err != nil {
			return cfg, err
		}
	}
	if a.sasl != nil {
		cfg.SASL, err = broker.NewSASL(a.sasl.Mechanism, func() (user, password string, err error) {
			if user, err = a.sasl.User.Read(); err == nil {
				password, err = a.sasl.Password.Read()
			}
			return user, password, err
		})
	}
	return cfg, err
}

// connect opens a client on the brokers, or on an embedded broker of its own when there are none. stop ends both.
func connect(ctx context.Context, a access, instance string, log *slog.Logger) (client *broker.Client, stop func(), err error) {
	return connectFor(ctx, a, instance, log, 0)
}

// connectFor is connect with a limit for what waits for brokers, as broker.Config has it.
func connectFor(ctx context.Context, a access, instance string, log *slog.Logger, patience time.Duration) (client *broker.Client, stop func(), err error) {
	cfg := broker.Config{Bootstrap: a.bootstrap, Instance: instance, Logger: log, Patience: patience}
	end := func() {}
	if len(a.bootstrap) == 0 {
		own, err := embedded.Start(embedded.Options{})
		if err != nil {
			return nil, nil, err
		}
		end = own.Close
		cfg.Bootstrap = []string{own.Addr()}
		log.Info("no brokers are named: using an embedded one, which ends with this process", "address", own.Addr())
	} else if cfg, err = a.secured(cfg); err != nil {
		return nil, nil, err
	}
	if client, err = broker.Open(cfg); err != nil {
		end()
		return nil, nil, err
	}
	return client, func() {
		client.Close()
		end()
	}, nil
}
