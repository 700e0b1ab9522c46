// Package device keeps an encoder running, whatever becomes of the devices that it
// computes on.
//
// An [Encoder] has several devices, the preferred one first. Each is proven with golden
// chunks before it is used. When a call fails or takes too long, the device is left, the
// same chunks go to the next one, and after a while the device is tried again: no chunk
// is lost or embedded twice, and what happened is told as an [Event]. A call that never
// returns is left behind with memory of its own, which nobody else reads.
//
// All devices of an encoder compute the same embedding, from files that are made of the
// same weights: their vectors agree within the tolerance of the golden chunks.
package device
