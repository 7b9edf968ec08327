package plan

import (
	"strings"

	"github.com/homeostat/homeostat/pipeline/config"
)

// TLS says how connections to Kafka are encrypted; nil means that they are not.
func (p *Plan) TLS() *config.TLS { return p.config.Kafka.TLS }

// SASL says who the process is to Kafka; nil means nobody, or whom the client's certificate names.
func (p *Plan) SASL() *config.SASL { return p.config.Kafka.SASL }

// security describes the connections to the brokers without a secret.
func (p *Plan) security() []string {
	if len(p.Bootstrap) == 0 {
		return nil
	}
	var parts []string
	if t := p.TLS(); t != nil {
		roots := "the system's CA certificates"
		if t.CA != "" {
			roots = t.CA
		}
		parts = append(parts, "TLS, brokers checked against "+roots)
		if t.Cert != "" {
			parts = append(parts, "client certificate "+t.Cert)
		}
	} else {
		parts = append(parts, "not encrypted")
	}
	if s := p.SASL(); s != nil {
		parts = append(parts, "SASL "+s.Mechanism)
	} else {
		parts = append(parts, "no SASL")
	}
	return []string{strings.Join(parts, "; ")}
}

// securityNotes are what a person should know of how the connections are secured.
func (p *Plan) securityNotes() []string {
	t, s := p.TLS(), p.SASL()
	switch {
	case len(p.Bootstrap) == 0 && (t != nil || s != nil):
		return []string{"kafka.tls and kafka.sasl are not used: kafka.bootstrap names no brokers, and the embedded one has neither"}
	case s != nil && s.Mechanism == "PLAIN" && t == nil:
		return []string{"SASL PLAIN without TLS: user and password can be read by anybody on the way to the brokers: write kafka.tls, or use a scram mechanism"}
	case s != nil && t == nil:
		return []string{"SASL without TLS: the password is not sent, but all data can be read and changed on the way to the brokers: write kafka.tls"}
	}
	return nil
}
