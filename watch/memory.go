package watch

// memory knows files again, by either of what they keep.
type memory struct {
	byName, byID map[string]File
}

func newMemory() memory {
	return memory{byName: make(map[string]File), byID: make(map[string]File)}
}

func (m memory) add(f File) {
	m.byName[f.Name] = f
	m.byID[f.ID] = f
}

func (m memory) has(f File) bool {
	named, ok := m.byName[f.Name]
	if ok && named.is(f) {
		return true
	}
	placed, ok := m.byID[f.ID]
	return ok && placed.is(f)
}

func (m memory) forget(f File) {
	if m.byName[f.Name] == f {
		delete(m.byName, f.Name)
	}
	if m.byID[f.ID] == f {
		delete(m.byID, f.ID)
	}
}
