#include "wire/ring.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace weir::wire {
namespace {

constexpr size_t kCapacity = 1 << 14;

// A ring as the two kinds of process have it: memory that both map, and an eventfd for each direction of waking.
class SharedRing {
 public:
  SharedRing()
      : memory_(::mmap(nullptr, ringMemoryBytes(kCapacity), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        readerWake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        writerWake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~SharedRing() {
    ::munmap(memory_, ringMemoryBytes(kCapacity));
    ::close(readerWake_);
    ::close(writerWake_);
  }
  SharedRing(const SharedRing&) = delete;
  SharedRing& operator=(const SharedRing&) = delete;

  void* memory() { return memory_; }

  // Writes one record, waiting for room as often as needed. Returns how often it slept, or -1: nobody woke it.
  int write(RingWriter& writer, std::span<const uint8_t> record) const {
    int slept = 0;
    while (!writer.write(record)) {
      if (writer.broken()) return -1;
      if (writer.armWait(record.size())) continue;
      ++slept;
      if (!sleepOn(writerWake_)) return -1;
    }
    if (writer.takeWake()) wake(readerWake_);
    return slept;
  }

  // Calls `take` with each record until it returns false. False: broken, or nobody woke it.
  template <class Take>
  bool readAll(RingReader& reader, Take take) const {
    for (;;) {
      while (const auto view = reader.peek()) {
        const bool more = take(*view);
        reader.pop();
        if (reader.takeWriterWake()) wake(writerWake_);
        if (!more) return true;
      }
      if (reader.broken()) return false;
      if (reader.armSleep() && !sleepOn(readerWake_)) return false;
      reader.disarmSleep();
    }
  }

 private:
  static void wake(int descriptor) {
    const uint64_t one = 1;
    (void)!::write(descriptor, &one, sizeof one);
  }
  // A wake-up that never comes is a failure, not a hang.
  static bool sleepOn(int descriptor) {
    pollfd readable{descriptor, POLLIN, 0};
    if (::poll(&readable, 1, 60'000) != 1) return false;
    uint64_t count = 0;
    (void)!::read(descriptor, &count, sizeof count);
    return true;
  }

  void* const memory_;
  const int readerWake_;
  const int writerWake_;
};

// A record that says which it is; sizes go through everything up to the largest.
std::vector<uint8_t> recordOf(uint32_t producer, uint32_t number) {
  const size_t size = 8 + (number * 37 + producer * 1031) % (kCapacity / 4 - 8 + 1);
  std::vector<uint8_t> record(size, static_cast<uint8_t>(number));
  std::memcpy(record.data(), &producer, sizeof producer);
  std::memcpy(record.data() + 4, &number, sizeof number);
  return record;
}

struct Header {
  uint32_t producer;
  uint32_t number;
};
Header headerOf(std::span<const uint8_t> record) {
  Header header{};
  std::memcpy(&header, record.data(), sizeof header);
  return header;
}
bool isRecord(std::span<const uint8_t> bytes, uint32_t producer, uint32_t number) {
  const auto expected = recordOf(producer, number);
  return std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end());
}

TEST(RingBetweenThreads, producersThatTakeTurnsAndOneReaderLoseNothing) {
  constexpr uint32_t kProducers = 3;
  constexpr uint32_t kRecords = 4'000;
  SharedRing ring;
  RingWriter writer(ring.memory(), kCapacity);
  std::mutex turns;
  std::vector<std::thread> producers;
  for (uint32_t producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&, producer] {
      for (uint32_t number = 0; number < kRecords; ++number) {
        const auto record = recordOf(producer, number);
        const std::lock_guard lock(turns);
        ASSERT_GE(ring.write(writer, record), 0);
      }
    });
  }
  RingReader reader(ring.memory(), kCapacity);
  std::vector<uint32_t> next(kProducers, 0);
  uint32_t seen = 0;
  const bool whole = ring.readAll(reader, [&](std::span<const uint8_t> bytes) {
    const Header header = headerOf(bytes);
    if (header.producer >= kProducers || header.number != next[header.producer]) return false;
    if (!isRecord(bytes, header.producer, header.number)) return false;
    ++next[header.producer];
    return ++seen < kProducers * kRecords;
  });
  for (std::thread& producer : producers) producer.join();
  EXPECT_TRUE(whole);
  EXPECT_EQ(next, std::vector<uint32_t>(kProducers, kRecords));
  EXPECT_FALSE(reader.broken());
  EXPECT_FALSE(writer.broken());
}

TEST(RingBetweenProcesses, everyRecordArrivesHoweverTheTwoSleep) {
  constexpr uint32_t kRecords = 20'000;
  SharedRing ring;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    RingReader reader(ring.memory(), kCapacity);
    uint32_t next = 0;
    const bool whole = ring.readAll(reader, [&](std::span<const uint8_t> bytes) {
      if (!isRecord(bytes, 7, next)) return false;
      return ++next < kRecords;
    });
    ::_exit(whole && next == kRecords ? 0 : 1);
  }
  RingWriter writer(ring.memory(), kCapacity);
  for (uint32_t number = 0; number < kRecords; ++number) ASSERT_GE(ring.write(writer, recordOf(7, number)), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(RingBetweenProcesses, aReaderStaysWithinItsMemoryWhileThePeerScribbles) {
  SharedRing ring;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // A compromised peer: it rewrites lengths, marks and its position as fast as it can.
    ::alarm(120);
    auto* const data = static_cast<uint8_t*>(ring.memory()) + kRingHeaderBytes;
    auto* const header = static_cast<RingHeader*>(ring.memory());
    for (uint32_t round = 0;; ++round) {
      const uint32_t random = round * 2654435761u;
      const uint32_t length = random % 7 == 0 ? 0xffffffff : random % 3 == 0 ? random : random >> 21;
      __atomic_store_n(reinterpret_cast<uint32_t*>(data + random % (kCapacity / 8) * 8), length, __ATOMIC_RELAXED);
      // Now and then further than the ring is long.
      header->tail.store((random >> 5) % (kCapacity + 512) / 8 * 8, std::memory_order_release);
    }
  }
  const auto* const begin = static_cast<const uint8_t*>(ring.memory()) + kRingHeaderBytes;
  constexpr size_t kRecords = 20'000;
  constexpr size_t kBroken = 1'000;
  size_t records = 0;
  size_t broken = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while ((records < kRecords || broken < kBroken) && std::chrono::steady_clock::now() < deadline) {
    RingReader reader(ring.memory(), kCapacity);
    for (int i = 0; i < 100 && !reader.broken(); ++i) {
      const auto view = reader.peek();
      if (!view) continue;
      ASSERT_GE(view->data(), begin);
      ASSERT_LE(view->data() + view->size(), begin + kCapacity);
      ASSERT_FALSE(view->empty());
      ++records;
      reader.pop();
    }
    broken += reader.broken();
  }
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_GE(records, kRecords);
  EXPECT_GE(broken, kBroken);
}

}  // namespace
}  // namespace weir::wire
