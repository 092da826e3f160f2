// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// Another program opens the workbooks of a package and reads in them what the CSV beside
// them says.
func TestWorkbooksOpenInAnotherProgram(t *testing.T) {
	office, err := exec.LookPath("soffice")
	if err != nil {
		t.Skip("SKIPPED, no workbook was opened with another program: there is no soffice (libreoffice-calc-nogui)")
	}
	eachArchive(t, func(c *archive) {
		p := c.year()
		signer, _ := logKey(c.t)
		pkg := c.pack(manager, audit.PackageRequest{Program: p.ID}, signer)
		opened := 0
		for name, text := range pkg.files {
			if filepath.Ext(name) != ".xlsx" {
				continue
			}
			opened++
			dir := c.t.TempDir()
			c.must(os.WriteFile(filepath.Join(dir, "book.xlsx"), []byte(text), 0o600))
			cmd := exec.Command(office, "-env:UserInstallation=file://"+dir+"/user", "--headless", "--convert-to", "csv", "--outdir", dir, filepath.Join(dir, "book.xlsx"))
			if out, err := cmd.CombinedOutput(); err != nil {
				c.t.Fatalf("open %s: %v\n%s", name, err, out)
			}
			data, err := os.ReadFile(filepath.Join(dir, "book.csv"))
			c.must(err)
			sameRows(c.t, name, string(data), pkg.files[strings.TrimSuffix(name, ".xlsx")+".csv"])
		}
		if opened != 2 { // the list and the sample
			c.t.Errorf("%d workbooks were opened, want 2", opened)
		}
	})
}

// sameRows compares two tables, but for how a program spells yes and no.
func sameRows(t testing.TB, name, got, want string) {
	t.Helper()
	read := func(text string) [][]string {
		all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return all
	}
	a, b := read(got), read(want)
	if len(a) != len(b) || len(a) < 2 {
		t.Fatalf("%s has %d rows, its CSV %d", name, len(a), len(b))
	}
	for i := range b {
		for j := range b[i] {
			if !strings.EqualFold(a[i][j], b[i][j]) {
				t.Errorf("%s, row %d: %s is %q, in the CSV %q", name, i, b[0][j], a[i][j], b[i][j])
			}
		}
	}
}
