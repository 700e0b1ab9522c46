// Package search says which target a read comes from, from the vectors of its
// chunks: the windows of the index that each chunk is most similar to vote for
// places, and places that lie on one line through several chunks win.
package search
