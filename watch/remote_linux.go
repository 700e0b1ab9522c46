package watch

import "golang.org/x/sys/unix"

// remote says whether path lies in a file system that others write to without the
// kernel here knowing, so that it does not notify.
func remote(path string) bool {
	var stat unix.Statfs_t
	if unix.Statfs(path, &stat) != nil {
		return false // whoever lists the folder will tell
	}
	switch uint32(stat.Type) { // some are negative where the field has 32 bits
	case unix.NFS_SUPER_MAGIC,
		unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.FUSE_SUPER_MAGIC, // sshfs, GlusterFS, virtiofs, many others
		unix.V9FS_MAGIC,       // shares of virtual machines
		unix.CEPH_SUPER_MAGIC,
		unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC,
		unix.OCFS2_SUPER_MAGIC,
		lustreMagic, gpfsMagic, beegfsMagic, gfs2Magic, panfsMagic, vboxsfMagic:
		return true
	}
	return false
}

// ownClock says whether the clock of this computer gives a file at path its times.
func ownClock(path string) bool { return !remote(path) }

// File systems that the kernel's list of magic numbers lacks.
const (
	lustreMagic = 0x0bd00bd0
	gpfsMagic   = 0x47504653
	beegfsMagic = 0x19830326
	gfs2Magic   = 0x01161970
	panfsMagic  = 0xaad7aaea
	vboxsfMagic = 0x786f4256
)
