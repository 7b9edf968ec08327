package snapshot

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// Pin is the codec that was found for a source whose configuration says codec: auto. It holds until a person changes it.
type Pin struct {
	Format int `json:"format"`
	// Source and Topic are what it is for. A source that reads another topic is another one.
	Source string `json:"source"`
	Topic  string `json:"topic"`
	// Codec is the codec's word, Settings those that differ from its defaults.
	Codec    string         `json:"codec"`
	Settings map[string]any `json:"settings,omitempty"`
	// Evidence says in words what was seen.
	Evidence string `json:"evidence"`
	// Instance found it, at Written by its clock. ID is that of the finding.
	Instance string    `json:"instance"`
	Written  time.Time `json:"written"`
	ID       string    `json:"id"`
	// Again says that it stands here once more, since another process wrote behind it: then it counts before what came first.
	Again bool `json:"again,omitempty"`
}

// pinFormat is the version of Pin's layout.
const pinFormat = 1

// Pins is where pins lie, beside the snapshots.
type Pins interface {
	// Pins returns all, in order of source and topic.
	Pins(ctx context.Context) ([]Pin, error)
	// Hold writes a pin unless there is one for its source and topic, and returns the one that holds. Of processes that call it at once
	// all get the same.
	Hold(ctx context.Context, p Pin) (Pin, error)
	// Forget removes the pin of a source and topic, if there is one. Processes that run keep to it until they end.
	Forget(ctx context.Context, source, topic string) error
}

// pinKey begins the keys of pins in the topic. It has no "|", so it is no snapshot's.
const pinKey = "codec/"

func keyOf(source, topic string) string { return pinKey + source + "/" + topic }

func (p *Pin) seal() []byte {
	p.Format = pinFormat
	if p.ID == "" {
		p.ID = rand.Text()
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic("BUG: a pin is no JSON: " + err.Error())
	}
	return b
}

func readPin(place string, b []byte) (Pin, error) {
	var p Pin
	err := json.Unmarshal(b, &p)
	if err == nil && p.Format != pinFormat {
		err = fmt.Errorf("it has format %d, and this program reads %d", p.Format, pinFormat)
	}
	if err == nil && (p.Source == "" || p.Codec == "") {
		err = errors.New("it names no source or no codec")
	}
	if err != nil {
		return p, pipeline.Errorf("state.codec.damaged", "the codec found for %s cannot be read: %w: name the codec in the configuration, or forget it with homeostat state codec SOURCE --forget", place, err)
	}
	return p, nil
}

// holds returns the one that holds of what lies in the log, in order: the one that was written once more, else the first.
func holds(written []Pin) (Pin, bool) {
	if i := slices.IndexFunc(written, func(p Pin) bool { return p.Again }); i >= 0 {
		return written[i], true
	}
	if len(written) == 0 {
		return Pin{}, false
	}
	return written[0], true
}

// Pins implements Pins.
func (t *Topic) Pins(ctx context.Context) ([]Pin, error) {
	written, err := t.pins(ctx)
	if err != nil {
		return nil, err
	}
	var out []Pin
	for _, list := range written {
		if p, ok := holds(list); ok {
			out = append(out, p)
		}
	}
	return sortedPins(out), nil
}

// pins reads what was written for each key since it was forgotten last.
func (t *Topic) pins(ctx context.Context) (map[string][]Pin, error) {
	tp := broker.TopicPartition{Topic: t.Name}
	bounds, err := t.Cluster.Bounds(ctx, []broker.TopicPartition{tp})
	if err != nil {
		return nil, err
	}
	out := map[string][]Pin{}
	err = t.scan(ctx, map[broker.TopicPartition]int64{tp: bounds[tp].Start}, map[broker.TopicPartition]int64{tp: bounds[tp].End}, func(rec *pipeline.Record) error {
		key := string(rec.Key)
		if !strings.HasPrefix(key, pinKey) {
			return nil
		}
		if rec.Value == nil {
			delete(out, key)
			return nil
		}
		p, err := readPin(strings.TrimPrefix(key, pinKey), bytes.Clone(rec.Value))
		out[key] = append(out[key], p)
		return err
	})
	return out, err
}

// Hold implements Pins. Of several that write at once, the one whose record is first in the log wins. Compaction keeps the last record of a key,
// so whoever finds that it was not the first writes that one once more.
func (t *Topic) Hold(ctx context.Context, p Pin) (Pin, error) {
	key := keyOf(p.Source, p.Topic)
	written, err := t.pins(ctx)
	if err != nil {
		return p, err
	}
	if first, ok := holds(written[key]); ok {
		return first, nil
	}
	p.Again = false
	if err := t.writePin(ctx, key, p.seal()); err != nil {
		return p, err
	}
	if written, err = t.pins(ctx); err != nil {
		return p, err
	}
	first, ok := holds(written[key])
	switch {
	case !ok: // forgotten at the same time
		return p, nil
	case first.ID == p.ID:
		return first, nil
	}
	first.Again = true
	return first, t.writePin(ctx, key, first.seal())
}

// Forget implements Pins.
func (t *Topic) Forget(ctx context.Context, source, topic string) error {
	return t.writePin(ctx, keyOf(source, topic), nil)
}

func (t *Topic) writePin(ctx context.Context, key string, value []byte) error {
	if err := t.Cluster.Produce(ctx, []broker.Message{{Topic: t.Name, Key: []byte(key), Value: value}}); err != nil {
		return fmt.Errorf("writing the codec of a source to topic %s: %w", t.Name, err)
	}
	return nil
}

// pinEnd ends the names of files that hold a pin.
const pinEnd = ".codec"

func (d *Directory) pinFile(source, topic string) string {
	return filepath.Join(d.Path, url.PathEscape(source+"/"+topic)+pinEnd)
}

// Pins implements Pins.
func (d *Directory) Pins(context.Context) ([]Pin, error) {
	entries, err := os.ReadDir(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, pipeline.Errorf("state.directory.read", "codecs in %s cannot be read: %w: make the directory readable", d.Path, err)
	}
	var out []Pin
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), pinEnd) {
			continue
		}
		p, err := readPinFile(filepath.Join(d.Path, e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return sortedPins(out), nil
}

func readPinFile(file string) (Pin, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Pin{}, pipeline.Errorf("state.directory.read", "the codec in %s cannot be read: %w: make it readable", file, err)
	}
	return readPin(file, b)
}

// Hold implements Pins: of two processes the one that links its file first wins.
func (d *Directory) Hold(_ context.Context, p Pin) (Pin, error) {
	file := d.pinFile(p.Source, p.Topic)
	bad := func(err error) (Pin, error) {
		return p, pipeline.Errorf("state.directory.write", "the codec of source %s cannot be written to %s: %w: make room there and see that it is writable", p.Source, d.Path, err)
	}
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return bad(err)
	}
	f, err := os.CreateTemp(d.Path, "writing-*")
	if err != nil {
		return bad(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(p.seal(), '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Link(f.Name(), file)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return bad(err)
	}
	return readPinFile(file)
}

// Forget implements Pins.
func (d *Directory) Forget(_ context.Context, source, topic string) error {
	if err := os.Remove(d.pinFile(source, topic)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return pipeline.Errorf("state.directory.delete", "the codec of source %s in %s cannot be deleted: %w: make the directory writable", source, d.Path, err)
	}
	return nil
}

func sortedPins(pins []Pin) []Pin {
	slices.SortFunc(pins, func(a, b Pin) int { return strings.Compare(keyOf(a.Source, a.Topic), keyOf(b.Source, b.Topic)) })
	return pins
}
