package memorystore

import (
	"encoding/binary"
	"sync"
)

// shard keeps the sessions of some keys one after the other in blocks. A block is filled once. It is dropped, oldest
// first, when all of its sessions have ended or there is no room for another. A session that is saved again is written
// anew, so the oldest block has those that were saved longest ago.
type shard struct {
	mu     sync.Mutex
	limit  int              // in bytes
	at     map[digest]place // without pointers, like the blocks
	blocks []*block         // oldest first
	first  uint32           // the number of the oldest block
	bytes  int              // of all blocks
}

// place is where a session is: the number of its block, and the offset in it.
type place struct{ block, offset uint32 }

// block is a sequence of entries: digest ‖ end ‖ length of the text ‖ text.
type block struct {
	data []byte
	live int   // bytes of entries that have not been replaced or removed
	end  int64 // of the session that lives longest
}

const (
	headSize  = 16 + 8 + 4
	placeSize = 48 // about what a place and its digest take in a map
	minBlock  = 1 << 10
	maxBlock  = 64 << 10
)

func (s *shard) used() int { return s.bytes + len(s.at)*placeSize }

// entry returns the entry at a place.
func (s *shard) entry(p place) (b *block, end int64, text []byte) {
	b = s.blocks[p.block-s.first]
	head := b.data[p.offset:]
	n := binary.BigEndian.Uint32(head[24:])
	return b, int64(binary.BigEndian.Uint64(head[16:])), head[headSize : headSize+n : headSize+n]
}

// get returns the text of a session that lives now. It is that of the block, in which nothing is ever overwritten, so
// it can be read without the lock.
func (s *shard) get(d digest, now int64) (text []byte, ok bool) {
	p, ok := s.at[d]
	if !ok {
		return nil, false
	}
	_, end, text := s.entry(p)
	return text, end > now
}

func (s *shard) has(d digest, now int64) bool {
	p, ok := s.at[d]
	if !ok {
		return false
	}
	_, end, _ := s.entry(p)
	return end > now
}

// put saves a session until end, and returns how many others ended for it before their time. It reports false if the
// session is too large for the shard.
func (s *shard) put(d digest, text string, now, end int64) (ended int, ok bool) {
	size := headSize + len(text)
	if size > s.limit/2 {
		return 0, false
	}
	s.remove(d)
	if s.room() < size {
		ended = s.grow(size, now)
	}
	for s.used()+placeSize > s.limit && len(s.blocks) > 1 {
		ended += len(s.drop(now))
	}
	s.write(d, text, end)
	return ended, true
}

// remove leaves the entry as it is and no longer counts it.
func (s *shard) remove(d digest) {
	p, ok := s.at[d]
	if !ok {
		return
	}
	b, _, text := s.entry(p)
	b.live -= headSize + len(text)
	delete(s.at, d)
}

// room returns how many bytes fit in the newest block.
func (s *shard) room() int {
	if len(s.blocks) == 0 {
		return 0
	}
	b := s.blocks[len(s.blocks)-1]
	return cap(b.data) - len(b.data)
}

// write appends an entry to the newest block, which has room for it.
func (s *shard) write(d digest, text string, end int64) {
	b := s.blocks[len(s.blocks)-1]
	s.at[d] = place{s.first + uint32(len(s.blocks)-1), uint32(len(b.data))}
	b.data = binary.BigEndian.AppendUint64(b.data, d[0])
	b.data = binary.BigEndian.AppendUint64(b.data, d[1])
	b.data = binary.BigEndian.AppendUint64(b.data, uint64(end))
	b.data = binary.BigEndian.AppendUint32(b.data, uint32(len(text)))
	b.data = append(b.data, text...)
	b.live += headSize + len(text)
	b.end = max(b.end, end)
}

// grow adds a block with room for size bytes. It first drops blocks, oldest first, while there is no room for another,
// or few of their sessions are alive: these move to the new block, so that few long sessions do not keep the memory of
// many short ones. It returns how many ended before their time.
func (s *shard) grow(size int, now int64) (ended int) {
	capacity := max(size, min(max(s.bytes/2, minBlock), maxBlock, s.limit/4))
	spare := capacity - size
	var moved []session
	for len(s.blocks) > 0 {
		oldest, alive := s.blocks[0], s.alive(now)
		sparse := alive <= min(spare, len(oldest.data)/2)
		if !sparse && s.used()+capacity <= s.limit {
			break
		}
		dropped := s.drop(now)
		if sparse {
			moved, spare = append(moved, dropped...), spare-alive
		} else {
			ended += len(dropped)
		}
	}
	s.blocks = append(s.blocks, &block{data: make([]byte, 0, capacity)})
	s.bytes += capacity
	for _, m := range moved {
		s.write(m.digest, m.text, m.end)
	}
	return ended
}

// session is an entry on its way to another block.
type session struct {
	digest digest
	text   string
	end    int64
}

// alive returns how many bytes the sessions of the oldest block take that live now.
func (s *shard) alive(now int64) (bytes int) {
	if oldest := s.blocks[0]; oldest.live == 0 || oldest.end <= now {
		return 0
	}
	for _, p := range s.entries {
		if _, end, text := s.entry(p); end > now {
			bytes += headSize + len(text)
		}
	}
	return bytes
}

// drop removes the oldest block, and returns its sessions that live now.
func (s *shard) drop(now int64) (alive []session) {
	for d, p := range s.entries {
		if _, end, text := s.entry(p); end > now {
			alive = append(alive, session{d, string(text), end})
		}
		delete(s.at, d)
	}
	s.bytes -= cap(s.blocks[0].data)
	s.blocks[0] = nil
	s.blocks, s.first = s.blocks[1:], s.first+1
	return alive
}

// entries yields the entries of the oldest block that have not been replaced or removed.
func (s *shard) entries(yield func(digest, place) bool) {
	data := s.blocks[0].data
	for offset := 0; offset < len(data); {
		head := data[offset:]
		d := digest{binary.BigEndian.Uint64(head), binary.BigEndian.Uint64(head[8:])}
		p := place{s.first, uint32(offset)}
		offset += headSize + int(binary.BigEndian.Uint32(head[24:]))
		if current, ok := s.at[d]; ok && current == p && !yield(d, p) {
			return
		}
	}
}
