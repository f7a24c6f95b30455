// The ring: with an honest peer, records arrive whole and in order however writing and reading interleave; with a peer
// that scribbles over the shared memory at any moment, each side stays within its memory, notices or goes on, and never
// hangs.
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "base/check.h"
#include "input.h"
#include "target.h"
#include "wire/ring.h"

namespace {

using namespace weir::wire;
using weir::fuzz::Input;

constexpr size_t kCapacity = 4096;

class Memory {
 public:
  Memory() : bytes_(new (std::align_val_t(64)) uint8_t[ringMemoryBytes(kCapacity)]()) {}
  ~Memory() { ::operator delete[](bytes_, std::align_val_t(64)); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  void* get() { return bytes_; }
  uint8_t* data() { return bytes_ + kRingHeaderBytes; }
  RingHeader& header() { return *reinterpret_cast<RingHeader*>(bytes_); }

 private:
  uint8_t* const bytes_;  // exactly what a ring needs, so that a step beyond is seen
};

std::vector<uint8_t> recordOf(uint32_t number, size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(number * 31 + i);
  return bytes;
}

void writeRecord(RingWriter& writer, std::span<const uint8_t> record, size_t split, bool& written) {
  split = std::min(split, record.size());
  written = writer.write(record.first(split), record.subspan(split));
}

void honest(Input& input) {
  Memory memory;
  RingWriter writer(memory.get(), kCapacity);
  RingReader reader(memory.get(), kCapacity);
  std::deque<std::vector<uint8_t>> underway;
  uint32_t count = 0;
  size_t bytesUnderway = 0;
  bool asleep = false;
  const auto footprint = [](size_t size) { return (size + 8 + 7) / 8 * 8; };
  while (!input.empty()) {
    const uint8_t choice = input.byte();
    if (choice < 0x80) {
      const size_t size = 1 + (choice < 0x40 ? choice : input.upTo(kCapacity / 4 - 1));
      auto record = recordOf(count, size);
      bool written = false;
      writeRecord(writer, record, input.upTo(size), written);
      if (!written) {
        // Padding of a wrap is all that may be in the way beside the records.
        CHECK(bytesUnderway + footprint(kCapacity / 4) + 2 * footprint(size) > kCapacity);
        CHECK(!writer.broken());
        if (!writer.armWait(size)) continue;
        CHECK(writer.write(record));
      }
      ++count;
      bytesUnderway += footprint(size);
      underway.push_back(std::move(record));
      if (writer.takeWake()) {
        CHECK(asleep);
        asleep = false;
      }
    } else if (choice < 0xf0) {
      for (int left = choice & 7; left >= 0; --left) {
        const auto view = reader.peek();
        CHECK(view.has_value() == !underway.empty());
        if (!view) break;
        CHECK(std::equal(view->begin(), view->end(), underway.front().begin(), underway.front().end()));
        const auto twice = reader.peek();  // looking again changes nothing
        CHECK(twice.has_value());
        CHECK(twice->data() == view->data());
        bytesUnderway -= footprint(view->size());
        underway.pop_front();
        reader.pop();
      }
      (void)reader.takeWriterWake();
    } else {
      const bool mayBlock = reader.armSleep();
      CHECK(mayBlock == underway.empty());
      asleep = mayBlock;
    }
    CHECK(!reader.broken());
    CHECK(!writer.broken());
  }
}

// What a compromised peer can do between any two steps of ours.
void scribble(Input& input, Memory& memory) {
  RingHeader& header = memory.header();
  const auto position = [&]() -> uint64_t {
    switch (input.byte() % 4) {
      case 0: return input.number<uint64_t>();
      case 1: return header.tail.load() + input.byte() * 8 - 512;
      case 2: return header.head.load() + input.byte() * 8 - 512;
      default: return header.tail.load() + kCapacity + input.byte() - 128;
    }
  };
  switch (input.byte() % 6) {
    case 0: header.tail.store(position()); break;
    case 1: header.head.store(position()); break;
    case 2: header.readerSleeping.store(input.number<uint32_t>()); break;
    case 3: header.writerWaiting.store(input.number<uint32_t>()); break;
    case 4: {  // a record's length, or a wrap mark where none belongs
      const uint32_t value = input.flag() ? 0xffffffff : input.number<uint32_t>() >> input.upTo(31);
      std::memcpy(memory.data() + input.upTo(kCapacity / 8 - 1) * 8, &value, sizeof value);
      break;
    }
    default: {
      const auto text = input.text();
      const size_t at = input.upTo(kCapacity - 1);
      std::memcpy(memory.data() + at, text.data(), std::min(text.size(), kCapacity - at));
    }
  }
}

void hostileWriter(Input& input) {
  Memory memory;
  RingWriter writer(memory.get(), kCapacity);
  RingReader reader(memory.get(), kCapacity);
  bool wasBroken = false;
  uint32_t count = 0;
  while (!input.empty()) {
    const uint8_t choice = input.byte();
    if (choice < 0x60) {
      scribble(input, memory);
    } else if (choice < 0xa0) {
      (void)writer.write(recordOf(count++, 1 + input.upTo(kCapacity / 4 - 1)));
    } else {
      // Records take at least 16 bytes, so a full ring is empty after so many.
      size_t records = 0;
      while (const auto view = reader.peek()) {
        CHECK(!wasBroken);
        CHECK(!view->empty());
        CHECK(view->data() >= memory.data());
        CHECK(view->data() + view->size() <= memory.data() + kCapacity);
        const std::vector<uint8_t> copy(view->begin(), view->end());
        if (choice & 1) scribble(input, memory);
        reader.pop();
        if (++records > kCapacity / 16) break;
      }
      (void)reader.armSleep();
      reader.disarmSleep();
      (void)reader.takeWriterWake();
    }
    if (wasBroken) CHECK(reader.broken());
    wasBroken = reader.broken();
  }
}

void hostileReader(Input& input) {
  Memory memory;
  RingWriter writer(memory.get(), kCapacity);
  RingReader reader(memory.get(), kCapacity);
  bool wasBroken = false;
  while (!input.empty()) {
    const uint8_t choice = input.byte();
    if (choice < 0x60) {
      scribble(input, memory);
    } else if (choice < 0xe0) {
      const size_t size = 1 + input.upTo(kCapacity / 4 - 1);
      bool written = false;
      const auto record = recordOf(1, size);
      writeRecord(writer, record, input.upTo(size), written);
      CHECK(!(written && wasBroken));
      (void)writer.takeWake();
      if (!written) (void)writer.armWait(size);
    } else if (const auto view = reader.peek()) {
      reader.pop();
    }
    if (wasBroken) CHECK(writer.broken());
    wasBroken = writer.broken();
  }
}

}  // namespace

std::vector<std::vector<uint8_t>> weir::fuzz::seeds() {
  std::vector<std::vector<uint8_t>> out;
  for (uint8_t kind = 0; kind < 3; ++kind) {
    std::vector<uint8_t> bytes{kind};
    for (int i = 0; i < 60; ++i) {
      const uint8_t step[] = {0x7f,
                              static_cast<uint8_t>(i * 37),
                              static_cast<uint8_t>(i),
                              0,
                              0,
                              3,
                              0,
                              0,
                              0,
                              0x90,
                              0xf0,
                              static_cast<uint8_t>(i),
                              0xb1,
                              0x20,
                              static_cast<uint8_t>(i),
                              1,
                              7};
      bytes.insert(bytes.end(), std::begin(step), std::end(step));
    }
    out.push_back(std::move(bytes));
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  switch (input.byte() % 3) {
    case 0: honest(input); break;
    case 1: hostileWriter(input); break;
    default: hostileReader(input);
  }
  return 0;
}
