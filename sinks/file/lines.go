package file

import (
	"bytes"
	"io"
	"os"

	"github.com/homeostat/homeostat/pipeline"
)

// lines is one file and what is not in it yet.
type lines struct {
	path string
	file *os.File
	// size is how much of the file is whole lines; what fails behind it is written over.
	size int64
	held []byte
	// named says that the file's name is on disk.
	named bool
}

func (l *lines) open() error {
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return pipeline.Errorf("file.open", "event file can't be opened: %w", err)
	}
	size, err := wholeLines(file)
	if err == nil {
		err = file.Truncate(size)
	}
	if err != nil {
		file.Close()
		return pipeline.Errorf("file.open", "event file %s can't be continued: %w", l.path, err)
	}
	l.file, l.size = file, size
	return nil
}

// wholeLines returns where the last whole line ends: a crash may have torn the one after it, which was never promised.
func wholeLines(file *os.File) (int64, error) {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for end > 0 {
		from := max(end-int64(len(buf)), 0)
		part := buf[:end-from]
		if _, err := file.ReadAt(part, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end = from
	}
	return 0, nil
}

// spill moves what is held to the file. When it fails it can be repeated.
func (l *lines) spill() error {
	if len(l.held) == 0 {
		return nil
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if _, err := l.file.WriteAt(l.held, l.size); err != nil {
		return pipeline.Errorf("file.write", "event file can't be written: make room or check the disk: %w", err)
	}
	l.size += int64(len(l.held))
	l.held = l.held[:0]
	return nil
}

func (l *lines) sync() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.Sync(); err != nil {
		return pipeline.Errorf("file.sync", "event file can't be made durable: %w", err)
	}
	return nil
}

func (l *lines) close() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return pipeline.Errorf("file.close", "event file can't be closed: %w", err)
	}
	return nil
}

// syncDir makes the names of new files durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err == nil {
		err = d.Sync()
		d.Close()
	}
	if err != nil {
		return pipeline.Errorf("file.sync", "directory of the event files can't be made durable: %w", err)
	}
	return nil
}
