// Independent judges our notes, proofs and tiles with golang.org/x/mod/sumdb, written by others for other purposes.
//
//	independent inclusion VKEY PROOF LEAF        a .tlog-proof file and the exact bytes of a leaf
//	independent consistency VKEY OLD NEW PATH    two signed checkpoints and base64 hashes, one a line
//	independent tiles VKEY CHECKPOINT DIR LEAF   the leaf at index 0, read from tile files and authenticated by the root
//
// It prints "accepted" and exits 0, or says why not and exits 1.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	acts := map[string]func([]string) error{"inclusion": inclusion, "consistency": consistency, "tiles": tiles}
	if err := acts[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
	fmt.Println("accepted")
}

func inclusion(args []string) error {
	head, signed, _ := strings.Cut(string(read(args[1])), "\n\n")
	lines := strings.Split(head, "\n")
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("not a proof")
	}
	var index int64
	if _, err := fmt.Sscanf(lines[1], "index %d", &index); err != nil {
		return err
	}
	path, err := hashes(lines[2:])
	if err != nil {
		return err
	}
	tree, err := open(args[0], []byte(signed))
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(read(args[2])))
}

func consistency(args []string) error {
	older, err := open(args[0], read(args[1]))
	if err != nil {
		return err
	}
	newer, err := open(args[0], read(args[2]))
	if err != nil {
		return err
	}
	path, err := hashes(strings.Fields(string(read(args[3]))))
	if err != nil {
		return err
	}
	return tlog.CheckTree(path, newer.N, newer.Hash, older.N, older.Hash)
}

func tiles(args []string) error {
	tree, err := open(args[0], read(args[1]))
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, directory(args[2]))
	path, err := tlog.ProveRecord(tree.N, 0, reader)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, tree.N, tree.Hash, 0, tlog.RecordHash(read(args[3])))
}

// directory reads tiles of height 8; the C2SP paths lack the height that sumdb's have.
type directory string

func (d directory) Height() int { return 8 }

func (d directory) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(d), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func open(vkey string, signed []byte) (tree tlog.Tree, err error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	origin, rest, _ := strings.Cut(opened.Text, "\n")
	if origin != verifier.Name() {
		return tree, fmt.Errorf("another origin")
	}
	return tlog.ParseTree(bytes.Join([][]byte{[]byte("go.sum database tree"), []byte(rest)}, []byte("\n")))
}

func hashes(lines []string) (path []tlog.Hash, err error) {
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		path = append(path, hash)
	}
	return path, nil
}

func read(name string) []byte {
	data, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return data
}
