package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/homeostat/homeostat/pipeline"
)

// Mechanisms are the SASL mechanisms that NewSASL knows, as Kafka writes them.
var Mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// NewSASL makes the mechanism of that name for Config.SASL. login is asked for user and password at each new connection,
// from any goroutine, so that they may change while the process runs.
func NewSASL(name string, login func() (user, password string, err error)) (sasl.Mechanism, error) {
	if !slices.Contains(Mechanisms, name) {
		return nil, pipeline.Errorf("kafka.sasl.mechanism", "mechanism %q of SASL is not known: use one of %s", name, strings.Join(Mechanisms, ", "))
	}
	return &saslLogin{name: name, login: login}, nil
}

// saslLogin is a mechanism whose credentials are read for each connection.
type saslLogin struct {
	name  string
	login func() (user, password string, err error)
}

// Name implements sasl.Mechanism.
func (s *saslLogin) Name() string { return s.name }

// Start implements sasl.Mechanism.
func (s *saslLogin) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	user, password, err := s.login()
	if err != nil {
		return nil, nil, &lasting{err}
	}
	var m sasl.Mechanism = plain.Mechanism{Username: user, Password: password}
	if s.name != "PLAIN" {
		algorithm := scram.SHA512
		if s.name == "SCRAM-SHA-256" {
			algorithm = scram.SHA256
		}
		if m, err = scram.Mechanism(algorithm, user, password); err != nil {
			return nil, nil, &lasting{pipeline.Errorf("kafka.sasl.credentials", "user or password cannot be used with %s: %w: choose others", s.name, err)}
		}
	}
	return m.Start(ctx)
}

// lasting is an error of this process's own while it connects: a repetition would only meet it again. It may wrap
// an error of the operating system, which looks like one of the network.
type lasting struct{ err error }

func (e *lasting) Error() string { return e.err.Error() }
func (e *lasting) Unwrap() error { return e.err }

// shut says that the connection is refused for reasons that a repetition does not change: TLS or SASL.
func shut(err error) bool {
	var own *lasting
	if errors.As(err, &own) {
		return true
	}
	for _, code := range []kafka.Error{kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState, kafka.SecurityDisabled} {
		if errors.Is(err, code) {
			return true
		}
	}
	return tlsFailed(err)
}

// tlsFailed tells what TLS says from what the network says.
func tlsFailed(err error) bool {
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var op *net.OpError
	return errors.As(err, &certificate) || errors.As(err, &header) ||
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") // an alert
}

// shutOut is the error of a connection that is shut: what, why and what to do. It is nil for any other error.
func shutOut(what string, err error) error {
	var own *lasting
	switch {
	case !shut(err):
		return nil
	case errors.As(err, &own):
		return fmt.Errorf("could not %s: %w", what, own.err)
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return pipeline.Errorf("kafka.sasl.refused", "could not %s: the broker does not offer the SASL mechanism: set kafka.sasl.mechanism to one that its listener has: %w", what, err)
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return pipeline.Errorf("kafka.sasl.refused", "could not %s: the broker does not accept user and password: correct them, or kafka.sasl.mechanism: %w", what, err)
	case tlsFailed(err):
		return pipeline.Errorf("kafka.tls.refused", "could not %s: TLS with the broker failed: check kafka.tls (ca, server_name, cert and key), and that the port is one for TLS: %w", what, err)
	}
	return pipeline.Errorf("kafka.sasl.refused", "could not %s: the broker does not take SASL here: use a port for SASL, or remove kafka.sasl: %w", what, err)
}

// rights are what a request needs: the operation on the topic, Read on the group, Write on the transactional id. What
// it does not concern is empty.
type rights struct{ operation, topic, group, transaction string }

// withheld says which right is missing, if that is what an answer's code means; otherwise it is nil.
func withheld(err error, r rights) error {
	const remedy = "ask who runs Kafka for it, homeostat explain --acls lists what each stage needs"
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return pipeline.Errorf("kafka.access.topic", "this user lacks the right %s on topic %s: %s: %w", r.operation, r.topic, remedy, err)
	case errors.Is(err, kafka.GroupAuthorizationFailed):
		return pipeline.Errorf("kafka.access.group", "this user lacks the right Read on group %s: %s: %w", r.group, remedy, err)
	case errors.Is(err, kafka.TransactionalIDAuthorizationFailed):
		return pipeline.Errorf("kafka.access.transaction", "this user lacks the right Write on transactional id %s: %s: %w", r.transaction, remedy, err)
	case errors.Is(err, kafka.ClusterAuthorizationFailed):
		return pipeline.Errorf("kafka.access.cluster", "this user lacks a right on the cluster: %s: %w", remedy, err)
	}
	return nil
}

// Denied says that an error is about a missing right: trying again will not go better.
func Denied(err error) bool { return strings.HasPrefix(pipeline.Code(err), "kafka.access.") }
