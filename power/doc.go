// Package power tells what a computer says of its watts, degrees, clocks, throttling
// and memory, and how much work it can bear.
//
// A [Meter] reads. A [Governor] decides from its readings which [Level] of work keeps
// the limits; it has no clock and no goroutine of its own, so that the same series of
// readings gives the same decisions again.
//
// # What the watts are of
//
// The first of these that the computer has, and it stays the same as long as the
// meter is open:
//
//   - the rail that feeds a whole Jetson (VDD_IN), or its parallel rails together
//   - the power meter of a server's board
//   - the processors with their memory (RAPL), plus the graphics cards (NVML, amdgpu)
//   - the battery, while it is discharged: where the processors or a card tell nothing
//
// All but the third are of the whole computer. That one leaves out board, disks, fans
// and what the power supply loses.
//
// Energy comes from counters where there are any (RAPL, NVML), by difference; else it
// is power × the time since the reading before. When one of several parts does not
// answer, the sum is unknown, not smaller. So it is from the beginning where the energy
// of the processors is for root only (the kernel's default) or is not told (in virtual
// machines), whatever the cards tell.
//
// NVIDIA's driver hangs when a card is broken. The meter waits two seconds for it, and
// does without its cards until it answers.
//
// # Temperatures
//
// Only those of processors and graphics chips count. A disk or a board may be hotter,
// but embedding less does not cool it. Of a firmware's own zones (acpitz) none is
// believed: too many tell a constant.
package power
