// SPDX-License-Identifier: Apache-2.0

//go:build unix

package fix

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner of another. Only root may change owners; anyone else
// writes as themselves, as an editor would.
func keepOwner(root *os.Root, name string, like fs.FileInfo) {
	if st, ok := like.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		// Not every file system knows owners; the text was written all the same.
		_ = root.Chown(name, int(st.Uid), int(st.Gid))
	}
}
