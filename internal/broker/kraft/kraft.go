// Package kraft runs one broker of Apache Kafka and its controller, two processes on loopback: from jars that Maven
// downloads once to the user's cache folder. It needs a shell, Java 17 or newer and Maven, and no container. It is for trials
// and tests: one broker loses what its disk loses.
package kraft

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

//go:embed broker.sh
var script []byte

//go:embed pom.xml
var pom []byte

// Broker is a broker whose data, settings and log are in a folder. It outlives the process that started it unless
// Options say otherwise. Its methods are for one goroutine at a time.
type Broker struct {
	dir string
}

// Options of a start. The zero value takes the port 39092.
type Options struct {
	// Port to listen on; the controller takes the next one.
	Port int
	// With ends both, like a crash, when the process of that id ends; 0 lets it run on.
	With int
	// Settings are broker settings by Kafka's names; they win over those made here.
	Settings map[string]string
	// Users and their passwords, for SCRAM. They are made only when the folder has no data yet.
	Users map[string]string
	// Small makes a process that starts quickly and is slow later, for tests.
	Small bool
}

// Status is what is known of a broker that runs.
type Status struct {
	// Addr is the address to connect to, host:port.
	Addr string
	// PID and Controller are the processes of the broker and of its controller, 0 for one that does not run.
	PID, Controller int
}

// New returns the broker of a folder, which is made when the broker is started.
func New(dir string) (*Broker, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, pipeline.Errorf("kafka.node.folder", "folder %s has no absolute path: %w: name another", dir, err)
	}
	return &Broker{dir: abs}, nil
}

// Dir returns the absolute path of the broker's folder.
func (b *Broker) Dir() string { return b.dir }

// LogFile is where the broker writes what it has to say.
func (b *Broker) LogFile() string { return filepath.Join(b.dir, "broker", "broker.log") }

// Start starts the broker on the data that its folder has, and returns when it can be used. The first time the jars
// are downloaded, 44 MB. Errors: kafka.node.java, kafka.node.maven, kafka.node.download, kafka.node.running,
// kafka.node.port, kafka.node.failed.
func (b *Broker) Start(ctx context.Context, o Options) (Status, error) {
	if o.Port == 0 {
		o.Port = 39092
	}
	// A broker that runs has the port, and that it runs is the better answer.
	running, err := b.Status(ctx)
	if err != nil || running.PID != 0 {
		if err == nil {
			err = pipeline.Errorf("kafka.node.running", "a broker of %s runs already, at %s as process %d: use it, or stop it first", b.dir, running.Addr, running.PID)
		}
		return Status{}, err
	}
	ports := []int{o.Port, o.Port + 1}
	if running.Controller != 0 {
		ports = ports[:1]
	}
	for _, port := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return Status{}, pipeline.Errorf("kafka.node.port", "port %d is needed (broker %d, controller %d) and cannot be had: %w: choose another", port, o.Port, o.Port+1, err)
		}
		_ = l.Close() // it was only to see whether it is free
	}
	args, err := b.arguments(o)
	if err != nil {
		return Status{}, err
	}
	if _, err := b.run(ctx, "start", args...); err != nil {
		return Status{}, err
	}
	return b.Status(ctx)
}

// arguments writes the options as the script takes them.
func (b *Broker) arguments(o Options) ([]string, error) {
	args := []string{"--port", strconv.Itoa(o.Port)}
	if o.With != 0 {
		args = append(args, "--with", strconv.Itoa(o.With))
	}
	if o.Small {
		args = append(args, "--test")
	}
	for user, password := range o.Users {
		args = append(args, "--scram", user+":"+password)
	}
	if len(o.Settings) == 0 {
		return args, nil
	}
	var text bytes.Buffer
	for name, value := range o.Settings {
		fmt.Fprintf(&text, "%s=%s\n", name, strings.ReplaceAll(value, `\`, `\\`))
	}
	file := filepath.Join(b.dir, "settings.properties")
	if err := b.write(file, text.Bytes()); err != nil {
		return nil, err
	}
	return append(args, "--settings", file), nil
}

// Status tells where the broker listens and what of it runs.
func (b *Broker) Status(ctx context.Context) (Status, error) {
	if _, err := os.Stat(b.dir); errors.Is(err, os.ErrNotExist) {
		return Status{}, nil
	}
	out, err := b.run(ctx, "status")
	if err != nil || out == "" {
		return Status{}, err
	}
	var s Status
	if _, err := fmt.Sscan(out, &s.Addr, &s.PID, &s.Controller); err != nil {
		return Status{}, pipeline.Errorf("kafka.node.status", "the folder %s says %q of its broker, which is no address with two processes: end them by hand", b.dir, out)
	}
	return s, nil
}

// Stop ends broker and controller in order and waits until they are gone; what does not run stays so.
func (b *Broker) Stop(ctx context.Context) error { return b.finish(ctx, "stop") }

// Kill ends broker and controller like a crash. Their data stay as the operating system has them.
func (b *Broker) Kill(ctx context.Context) error { return b.finish(ctx, "kill") }

// Crash is Kill for the broker alone.
func (b *Broker) Crash(ctx context.Context) error { return b.finish(ctx, "crash") }

func (b *Broker) finish(ctx context.Context, verb string) error {
	if _, err := os.Stat(b.dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	_, err := b.run(ctx, verb)
	return err
}

// The script's exit status where it says more than that something failed.
const noJava, noMaven, noDownload, isRunning = 3, 4, 5, 6

// run calls the script and returns what it printed.
func (b *Broker) run(ctx context.Context, verb string, args ...string) (string, error) {
	for name, content := range map[string][]byte{"broker.sh": script, "pom.xml": pom} {
		if err := b.write(filepath.Join(b.dir, name), content); err != nil {
			return "", err
		}
	}
	args = append([]string{filepath.Join(b.dir, "broker.sh"), verb, "--dir", filepath.Join(b.dir, "broker")}, args...)
	said, err := exec.CommandContext(ctx, "sh", args...).CombinedOutput()
	out := string(bytes.TrimSpace(said))
	if err != nil {
		return "", b.fault(ctx, verb, out, err)
	}
	return out, nil
}

// fault is the error of a script that failed.
func (b *Broker) fault(ctx context.Context, verb, said string, err error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		switch exit.ExitCode() {
		case noJava:
			return pipeline.Errorf("kafka.node.java", "no Java was found, and Apache Kafka needs it: install a JDK or JRE, 17 or newer, or set JAVA_HOME")
		case noMaven:
			return pipeline.Errorf("kafka.node.maven", "no Maven (mvn) was found, which downloads Apache Kafka the first time: install it")
		case noDownload:
			return pipeline.Errorf("kafka.node.download", "the jars of Apache Kafka could not be downloaded: is the network there, and Maven's configuration right?: %s", said)
		case isRunning:
			return pipeline.Errorf("kafka.node.running", "%s: use it, or stop it first", said)
		}
	default:
		return pipeline.Errorf("kafka.node.shell", "a shell (sh) is needed: %w: install one", err)
	}
	return pipeline.Errorf("kafka.node.failed", "broker.sh %s: %s: look into its log", verb, said)
}

// write writes a file of the broker's folder, for this user only.
func (b *Broker) write(path string, content []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		return pipeline.Errorf("kafka.node.folder", "the folder of the broker cannot be used: %w: make it writable, or name another", err)
	}
	return nil
}
