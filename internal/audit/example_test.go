// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// What leaves a server whose data is made up says so: packages in what people read and
// what is sealed, workbooks first of all.
func TestExamplesSayThatTheyAre(t *testing.T) {
	const notice = "Example data: all of it is made up."
	eachArchive(t, func(c *archive) {
		ctx := c.t.Context()
		p := c.program()
		c.at("2026-02-01")
		frozen, err := c.Freeze(ctx, manager, audit.FreezeRequest{Name: "controls", Program: p.ID, List: "occurrences"})
		c.must(err)
		sample, err := c.SampleBySeed(ctx, manager, frozen.ID, "seed", 1)
		c.must(err)
		signer, key := logKey(c.t)
		for _, example := range []string{"", notice} {
			c.must(c.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.SetSetting(store.ExampleSetting, example) }))
			pack := c.pack(manager, audit.PackageRequest{Program: p.ID}, signer)
			said := map[string]string{"README.txt": pack.files["README.txt"], vault.SealFile: pack.files[vault.SealFile]}
			result, err := vault.Verify(bytes.NewReader(pack.data), int64(len(pack.data)), vault.Trust{Key: key})
			c.must(err)
			words, err := json.Marshal(result)
			c.must(err)
			said["what verify tells"] = string(words)
			for name, text := range pack.files {
				if strings.HasSuffix(name, ".xlsx") {
					said[name] = workbook(c.t, []byte(text))
				}
			}
			var list, items bytes.Buffer
			c.must(c.ExportList(ctx, manager, store.ListQuery{List: "occurrences", Program: p}, "xlsx", &list))
			c.must(c.ExportPopulation(ctx, manager, frozen.ID, sample.ID, "xlsx", &items))
			said["a list"], said["a frozen list"] = workbook(c.t, list.Bytes()), workbook(c.t, items.Bytes())
			if len(said) < 7 {
				c.t.Errorf("%d things are looked at: the test sees too little", len(said))
			}
			for name, text := range said {
				if strings.Contains(text, notice) != (example != "") {
					c.t.Errorf("%s says that it is an example: %v, want %v", name, example == "", example != "")
				}
			}
		}
	})
}

// workbook is all text of a workbook.
func workbook(t testing.TB, data []byte) string {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it is in memory
	var all []string
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, slices.Concat(rows...)...)
	}
	return strings.Join(all, "\n")
}
