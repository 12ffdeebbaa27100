package raft

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// An image goes into a snapshot, and over the network, as the records that make it of the empty image:
//
//	magic u32 | format u32 | index of the last entry applied u64 | chunks | empty chunk
//	chunk:  length u32 | crc32c u32 of index and records | number of records u32 | records        big-endian
//
// The last chunk has length 0 and the total number of records.
const (
	imageMagic  = 0x4a4b494d // JKIM
	imageFormat = 1
	imageHeader = 16
	chunkHeader = 12

	chunkBytes    = 64 << 10 // a chunk is closed when it has reached this size
	maxChunkBytes = 64 << 20
)

func chunkSum(header, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(header, castagnoli), castagnoli, body)
}

func writeImage(w io.Writer, image *metadata.Image, index uint64) error {
	header := binary.BigEndian.AppendUint32(nil, imageMagic)
	header = binary.BigEndian.AppendUint32(header, imageFormat)
	header = binary.BigEndian.AppendUint64(header, index)
	if _, err := w.Write(header); err != nil {
		return err
	}
	e := protocol.GetEncoder()
	defer e.Put()
	var n, total uint32
	for r := range image.Records() {
		protocol.EncodeRecord(e, r)
		n++
		total++
		if e.Size() < chunkBytes {
			continue
		}
		if err := writeChunk(w, header, e.Bytes(), n); err != nil {
			return err
		}
		e.Reset()
		n = 0
	}
	if n > 0 {
		if err := writeChunk(w, header, e.Bytes(), n); err != nil {
			return err
		}
	}
	return writeChunk(w, header, nil, total)
}

func writeChunk(w io.Writer, header, body []byte, n uint32) error {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.BigEndian.AppendUint32(b, chunkSum(header, body))
	b = binary.BigEndian.AppendUint32(b, n)
	if _, err := w.Write(b); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// readImage reads what writeImage wrote, to the end of r.
func readImage(r io.Reader) (image *metadata.Image, index uint64, err error) {
	image = metadata.Empty()
	index, err = readRecords(r, func(recs []metadata.Record) (err error) {
		if image, _, err = image.Apply(recs); errors.Is(err, metadata.ErrUnknownRecord) {
			return notUnderstood("image", err)
		}
		return err
	})
	return image, index, err
}

// readRecords gives the records of an image, chunk by chunk.
func readRecords(r io.Reader, give func([]metadata.Record) error) (index uint64, err error) {
	br := bufio.NewReaderSize(r, chunkBytes)
	var header [imageHeader]byte
	if _, err := io.ReadFull(br, header[:]); err != nil {
		return 0, fmt.Errorf("%w: image: %w", ErrCorrupt, err)
	}
	if binary.BigEndian.Uint32(header[:]) != imageMagic {
		return 0, fmt.Errorf("%w: this is no image", ErrCorrupt)
	}
	if format := binary.BigEndian.Uint32(header[4:]); format != imageFormat {
		return 0, notUnderstood("image", fmt.Errorf("its format is %d, not %d", format, imageFormat))
	}
	var total uint32
	for {
		body, n, err := readChunk(br, header[:])
		if err != nil {
			return 0, err
		}
		if len(body) == 0 {
			if n != total {
				return 0, fmt.Errorf("%w: image has %d records, not %d", ErrCorrupt, total, n)
			}
			break
		}
		recs, err := recordsOf(protocol.NewDecoder(body), n)
		if err != nil {
			return 0, notUnderstood("image", err)
		}
		if err := give(recs); err != nil {
			return 0, err
		}
		total += n
	}
	if _, err := br.ReadByte(); err != io.EOF {
		return 0, fmt.Errorf("%w: end of image: %v", ErrCorrupt, err)
	}
	return binary.BigEndian.Uint64(header[8:]), nil
}

func readChunk(r io.Reader, header []byte) (body []byte, n uint32, err error) {
	var h [chunkHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, 0, fmt.Errorf("%w: image ends early: %w", ErrCorrupt, err)
	}
	size := binary.BigEndian.Uint32(h[:])
	if size > maxChunkBytes {
		return nil, 0, fmt.Errorf("%w: chunk of %d bytes", ErrCorrupt, size)
	}
	body, err = io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return nil, 0, err
	}
	if len(body) < int(size) || chunkSum(header, body) != binary.BigEndian.Uint32(h[4:]) {
		return nil, 0, fmt.Errorf("%w: checksum of a chunk of an image", ErrCorrupt)
	}
	return body, binary.BigEndian.Uint32(h[8:]), nil
}
