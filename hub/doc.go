// Package hub gathers the streams of rigs into one.
//
// A rig keeps its stream to itself, in a JetStream domain of its own, and works whether
// or not there is a network. When there is, its server connects to the hub as a leaf
// node, and the hub's stream, which has no subjects of its own, sources the rig's: every
// message once, in the rig's order, from where the last connection ended.
//
// The hub knows its members: rigs, and subscribers, which only read. Each has a
// credentials file of its own, which is also the invitation to join: it holds a token
// (JWT) that the hub has signed, a key (NKey), and, in comments, the hub's address and
// its certificate. What a member may do is in its token; the hub keeps the names alone.
package hub
