package config

import (
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// TLS says how connections to Kafka are encrypted. The files are PEM; they are not opened when the configuration is read.
type TLS struct {
	// CA holds the certificates that brokers' must come from; "" means those of the system.
	CA string
	// Cert and Key are the client's own, for brokers that ask for them; both or none.
	Cert, Key string
	// ServerName is the name in the brokers' certificates; "" means the host that is dialled.
	ServerName string
}

// SASL says who this process is to Kafka.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	Mechanism      string
	User, Password Secret
}

func tlsSetting() pipeline.Setting {
	return pipeline.Setting{Name: "tls", Type: pipeline.Object, Example: "{ca: ca.pem}",
		Doc: "Encrypt connections; true trusts the system's certificates.",
		Fields: []pipeline.Setting{
			{Name: "ca", Type: pipeline.String, Example: "ca.pem", Doc: "A PEM file of the certificates that brokers' must come from; none means the system's."},
			{Name: "cert", Type: pipeline.String, Example: "client.pem", Doc: "A PEM file of this client's certificate, for brokers that ask for one."},
			{Name: "key", Type: pipeline.String, Example: "client.key", Doc: "A PEM file of the certificate's key, without a password."},
			{Name: "server_name", Type: pipeline.String, Example: "kafka.example.org", Doc: "The name in the brokers' certificates; none means the host that is dialled."},
		}}
}

func saslSetting() pipeline.Setting {
	return pipeline.Setting{Name: "sasl", Type: pipeline.Object, Doc: "Say who this process is to Kafka.",
		Example: `{mechanism: scram-sha-512, user: "${KAFKA_USER}", password: "file:kafka.password"}`,
		Fields: []pipeline.Setting{
			{Name: "mechanism", Type: pipeline.String, Required: true, Example: "scram-sha-512", Enum: []string{"plain", "scram-sha-256", "scram-sha-512"},
				Doc: "How the password is shown to the broker: plain sends it, so it needs TLS."},
			{Name: "user", Type: pipeline.String, Required: true, Secret: true, Example: "${KAFKA_USER}", Doc: "The user: ${ENV} or file:PATH."},
			{Name: "password", Type: pipeline.String, Required: true, Secret: true, Example: "${KAFKA_PASSWORD}", Doc: "The password: ${ENV} or file:PATH."},
		}}
}

// switched lets a mapping be written as true, for one that is there with its defaults, or false, for none.
func switched(n *node) {
	if n == nil || n.shape != scalar || n.empty {
		return
	}
	switch n.text {
	case "true":
		n.shape = mapping
	case "false":
		n.empty = true
	}
}

// security reads how connections are secured.
func (r *reader) security(root *node, k pipeline.Settings, out *Kafka) {
	section := root.member("kafka")
	if section == nil {
		return
	}
	if n := section.member("tls"); !absent(n) && k.Has("tls") {
		s := k.Object("tls")
		out.TLS = &TLS{CA: r.fileOf(s, "ca"), Cert: r.fileOf(s, "cert"), Key: r.fileOf(s, "key"), ServerName: s.Text("server_name")}
		if (out.TLS.Cert == "") != (out.TLS.Key == "") {
			r.fault(n, "kafka.tls", "config.kafka.tls.pair", "a client's certificate goes with its key: write both cert: and key:, or none")
		}
	}
	if n := section.member("sasl"); !absent(n) && k.Has("sasl") {
		s := k.Object("sasl")
		for _, name := range []string{"user", "password"} {
			if s.Has(name) && s.Text(name) == "" {
				r.fault(n.member(name), "kafka.sasl."+name, "config.secret.empty", "the environment variable is empty: put the %s into it", name)
			}
		}
		out.SASL = &SASL{Mechanism: strings.ToUpper(s.Text("mechanism"))}
		if s.Has("user") && s.Has("password") {
			out.SASL.User = r.ownSecret(root, "kafka.sasl.user", s.Text("user"))
			out.SASL.Password = r.ownSecret(root, "kafka.sasl.password", s.Text("password"))
		}
	}
}

// fileOf returns the path of a file that a setting names, relative to the configuration's folder; "" for none.
func (r *reader) fileOf(s pipeline.Settings, name string) string {
	if s.Text(name) == "" {
		return ""
	}
	return r.resolve(s.Text(name))
}
