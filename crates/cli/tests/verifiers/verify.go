// Checks a folder of tiles with Go's own transparency log: golang.org/x/mod/sumdb.
//
//	verify FOLDER VKEY [OLD_CHECKPOINT or "" [COSIGNER_VKEY]]
//
// FOLDER has what a log serves: checkpoint, tile/..., tile/entries/.... Every tile is proven against the signed root as
// it is read, every entry against its leaf; the tree is proven to have grown from OLD_CHECKPOINT, and COSIGNER_VKEY, the
// clock or a witness, to have cosigned the checkpoint.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
)

// tree is a checkpoint: who signs it, its size and its root.
type tree struct {
	origin string
	tlog.Tree
}

// open reads a checkpoint that the verifiers have signed, every one of them.
func open(path string, verifiers ...note.Verifier) (tree, error) {
	var found tree
	text, err := os.ReadFile(path)
	if err != nil {
		return found, err
	}
	opened, err := note.Open(text, note.VerifierList(verifiers...))
	if err != nil {
		return found, err
	}
	if len(opened.Sigs) != len(verifiers) {
		return found, fmt.Errorf("%d of %d keys signed %s", len(opened.Sigs), len(verifiers), path)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifiers[0].Name() {
		return found, fmt.Errorf("%s is of another log", path)
	}
	found.origin = lines[0]
	if found.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return found, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return found, fmt.Errorf("%s has no root", path)
	}
	copy(found.Hash[:], root)
	return found, nil
}

// folder reads tiles from files.
type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		// tile/8/L/NNN here, tile/L/NNN there.
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// checkTiles reads every tile of every level, so that none is passed over.
func checkTiles(f folder, t tree, reader tlog.HashReader) error {
	for level := 0; ; level++ {
		nodes := t.N >> (level * height)
		if nodes == 0 {
			return nil
		}
		for index := int64(0); index < nodes; index++ {
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(level*height, index)})
			if err != nil {
				return err
			}
			n := index / width
			w := nodes - n*width
			if w > width {
				w = width
			}
			data, err := f.ReadTiles([]tlog.Tile{{H: height, L: level, N: n, W: int(w)}})
			if err != nil {
				return err
			}
			at := (index % width) * tlog.HashSize
			if int64(len(data[0])) != w*tlog.HashSize || !bytes.Equal(data[0][at:at+tlog.HashSize], hashes[0][:]) {
				return fmt.Errorf("tile %d of level %d is not that of the tree", n, level)
			}
		}
	}
}

// checkEntries compares every entry with its leaf, and proves some of them by themselves.
func checkEntries(f folder, t tree, reader tlog.HashReader) error {
	index := int64(0)
	for bundle := int64(0); index < t.N; bundle++ {
		path := strings.Replace(tlog.Tile{H: height, N: bundle, W: width}.Path(), "tile/8/0/", "tile/entries/", 1)
		want := t.N - index
		if want < width {
			path += fmt.Sprintf(".p/%d", want)
		}
		data, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return err
		}
		for len(data) >= 2 {
			length := int(binary.BigEndian.Uint16(data))
			if len(data) < 2+length {
				return fmt.Errorf("%s ends too early", path)
			}
			leaf := tlog.RecordHash(data[2 : 2+length])
			data = data[2+length:]
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return err
			}
			if hashes[0] != leaf {
				return fmt.Errorf("entry %d is not that of its leaf", index)
			}
			if index == 0 || index == t.N-1 || index%97 == 0 {
				proof, err := tlog.ProveRecord(t.N, index, reader)
				if err != nil {
					return err
				}
				if err := tlog.CheckRecord(proof, t.N, t.Hash, index, leaf); err != nil {
					return err
				}
			}
			index++
		}
		if len(data) != 0 || (index != t.N && index != (bundle+1)*width) {
			return fmt.Errorf("%s has not the entries of its place", path)
		}
	}
	return nil
}

// clock checks cosignatures: C2SP's type 0x04, which x/mod does not know.
type clock struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c clock) Name() string    { return c.name }
func (c clock) KeyHash() uint32 { return c.hash }
func (c clock) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(c.key, append([]byte(head), msg...), sig[8:])
}

func newClock(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("the key of the clock is malformed")
	}
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return nil, errors.New("the key of the clock is of another type")
	}
	return clock{parts[0], uint32(hash), key[1:]}, nil
}

func run(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: verify FOLDER VKEY [OLD_CHECKPOINT [COSIGNER_VKEY]]")
	}
	f := folder(arguments[0])
	key, err := note.NewVerifier(arguments[1])
	if err != nil {
		return err
	}
	verifiers := []note.Verifier{key}
	if len(arguments) > 3 {
		clock, err := newClock(arguments[3])
		if err != nil {
			return err
		}
		verifiers = append(verifiers, clock)
	}
	t, err := open(filepath.Join(string(f), "checkpoint"), verifiers...)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(t.Tree, f)
	if len(arguments) > 2 && arguments[2] != "" {
		old, err := open(arguments[2], key)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(t.N, old.N, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, t.N, t.Hash, old.N, old.Hash); err != nil {
			return err
		}
	}
	if err := checkTiles(f, t, reader); err != nil {
		return err
	}
	if err := checkEntries(f, t, reader); err != nil {
		return err
	}
	fmt.Printf("ok %d %s\n", t.N, base64.StdEncoding.EncodeToString(t.Hash[:]))
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
