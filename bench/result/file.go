package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// mostBytes is the size of the largest file that is read.
const mostBytes = 64 << 20

// Load reads the file of a run.
func Load(path string) (*Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Read reads a run, checks it, and classes its windows. It takes nothing that it does not know: a key it has no use for is a mistake, or of a later program.
func Read(in io.Reader) (*Run, error) {
	text, err := io.ReadAll(io.LimitReader(in, mostBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > mostBytes {
		return nil, errTooLarge
	}
	var version struct{ Schema *int }
	switch err := json.Unmarshal(text, &version); {
	case err != nil:
		return nil, fmt.Errorf("want the JSON of a run of the bench: %w", err)
	case version.Schema == nil:
		return nil, errors.New(`want the JSON of a run of the bench: it has no key "schema"`)
	case *version.Schema != Schema:
		return nil, fmt.Errorf("schema %d: this program reads %d", *version.Schema, Schema)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	r := new(Run)
	if err := d.Decode(r); err != nil {
		return nil, err
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	Classify(r)
	return r, nil
}

// Save writes a run in the place of a file, all of it or nothing: who reads meanwhile, or after a power cut, finds the old one
// or the new one.
func (r *Run) Save(path string) (err error) {
	if err := r.Check(); err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".result-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, wrote := f.Write(append(text, '\n'))
	if err := errors.Join(wrote, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
