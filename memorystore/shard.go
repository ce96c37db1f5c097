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
	blocks []block          // oldest first
	first  uint32           // the number of the oldest block
	bytes  int              // of all blocks
}

// place is where a session is: the number of its block, and the offset in it.
type place struct{ block, offset uint32 }

// block is a sequence of entries: digest ‖ end ‖ length of the text ‖ text. Those of sessions that were replaced or
// removed stay.
type block []byte

const (
	headSize  = 16 + 8 + 4
	placeSize = 48 // about what a place and its digest take in a map
	minBlock  = 1 << 10
	maxBlock  = 64 << 10
)

func (s *shard) used() int { return s.bytes + len(s.at)*placeSize }

// entry returns the entry at a place.
func (s *shard) entry(p place) (end int64, text []byte) {
	head := s.blocks[p.block-s.first][p.offset:]
	n := binary.BigEndian.Uint32(head[24:])
	return int64(binary.BigEndian.Uint64(head[16:])), head[headSize : headSize+n : headSize+n]
}

// get returns the text of a session that lives now. It is that of the block, in which nothing is ever overwritten, so
// it can be read without the lock.
func (s *shard) get(d digest, now int64) (text []byte, ok bool) {
	p, ok := s.at[d]
	if !ok {
		return nil, false
	}
	end, text := s.entry(p)
	return text, end > now
}

// put saves a session until end, and returns how many others ended for it before their time. It reports false if the
// session is too large for the shard.
func (s *shard) put(d digest, text string, now, end int64) (ended int, ok bool) {
	size := headSize + len(text)
	if size > s.limit/2 {
		return 0, false
	}
	delete(s.at, d) // so that it does not end for itself
	if s.room() < size {
		s.grow(size, now)
	}
	for s.used()+placeSize > s.limit && len(s.blocks) > 1 {
		ended += len(s.drop(now))
	}
	s.write(d, text, end)
	return ended, true
}

// room returns how many bytes fit in the newest block.
func (s *shard) room() int {
	if len(s.blocks) == 0 {
		return 0
	}
	newest := s.blocks[len(s.blocks)-1]
	return cap(newest) - len(newest)
}

// write appends an entry to the newest block, which has room for it.
func (s *shard) write(d digest, text string, end int64) {
	last := len(s.blocks) - 1
	b := s.blocks[last]
	s.at[d] = place{s.first + uint32(last), uint32(len(b))}
	b = binary.BigEndian.AppendUint64(b, d[0])
	b = binary.BigEndian.AppendUint64(b, d[1])
	b = binary.BigEndian.AppendUint64(b, uint64(end))
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	s.blocks[last] = append(b, text...)
}

// grow adds a block with room for size bytes. It first drops blocks, oldest first, while few of their sessions are
// alive: these move to the new block, so that few long sessions do not keep the memory of many short ones.
func (s *shard) grow(size int, now int64) {
	capacity := max(size, min(max(s.bytes/2, minBlock), maxBlock, s.limit/4))
	spare := capacity - size
	var moved []session
	for len(s.blocks) > 0 {
		alive := s.alive(now)
		if alive > min(spare, len(s.blocks[0])/2) {
			break
		}
		moved, spare = append(moved, s.drop(now)...), spare-alive
	}
	s.blocks = append(s.blocks, make(block, 0, capacity))
	s.bytes += capacity
	for _, m := range moved {
		s.write(m.digest, m.text, m.end)
	}
}

// session is an entry on its way to another block.
type session struct {
	digest digest
	text   string
	end    int64
}

// alive returns how many bytes the sessions of the oldest block take that live now.
func (s *shard) alive(now int64) (bytes int) {
	for _, p := range s.entries {
		if end, text := s.entry(p); end > now {
			bytes += headSize + len(text)
		}
	}
	return bytes
}

// drop removes the oldest block, and returns its sessions that live now.
func (s *shard) drop(now int64) (alive []session) {
	for d, p := range s.entries {
		if end, text := s.entry(p); end > now {
			alive = append(alive, session{d, string(text), end})
		}
		delete(s.at, d)
	}
	s.bytes -= cap(s.blocks[0])
	s.blocks[0] = nil
	s.blocks, s.first = s.blocks[1:], s.first+1
	return alive
}

// entries yields the entries of the oldest block that have not been replaced or removed.
func (s *shard) entries(yield func(digest, place) bool) {
	oldest := s.blocks[0]
	for offset := 0; offset < len(oldest); {
		head := oldest[offset:]
		d := digest{binary.BigEndian.Uint64(head), binary.BigEndian.Uint64(head[8:])}
		p := place{s.first, uint32(offset)}
		offset += headSize + int(binary.BigEndian.Uint32(head[24:]))
		if current, ok := s.at[d]; ok && current == p && !yield(d, p) {
			return
		}
	}
}
