#include "logs/trace_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/this_thread.h"
#include "logs/trace_line.h"

namespace weir::logs {

namespace {

constexpr size_t kCacheLine = 64;

// Lines of one lane, one after the other. The lane appends and publishes; the collector reads what is published.
struct Chunk {
  explicit Chunk(size_t capacityBytes) : capacity(capacityBytes), data(new char[capacityBytes]) {}
  const size_t capacity;
  const std::unique_ptr<char[]> data;
  size_t collected = 0;               // collector only
  std::atomic<size_t> published{0};   // whole lines up to here
  std::atomic<Chunk*> next{nullptr};  // set once, after the last line
};

std::string errorText(std::string_view what, const std::string& path) {
  return std::string(what) + " " + path + ": " + std::strerror(errno);
}

// Lines are long: searching for their ends is much cheaper than looking at every byte.
uint64_t countLines(const char* data, size_t size) {
  uint64_t lines = 0;
  const char* const end = data + size;
  while (const void* found = std::memchr(data, '\n', static_cast<size_t>(end - data))) {
    ++lines;
    data = static_cast<const char*>(found) + 1;
  }
  return lines;
}

// The file and its older siblings. Collector only.
class TraceFile {
 public:
  TraceFile(std::string path, uint64_t bytesMax, uint32_t oldMax)
      : path_(std::move(path)), bytesMax_(bytesMax), oldMax_(oldMax) {}
  ~TraceFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  // Empty: it worked.
  std::string open() {
    fd_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) return errorText("cannot open", path_);
    return repair();
  }

  // Whole lines. After an error none of them is in the file.
  std::string append(const char* data, size_t size) {
    if (fd_ >= 0 && size_ > 0 && size_ + size > bytesMax_) rotate();
    if (fd_ < 0) {
      std::string error = open();
      if (!error.empty()) return error;
    }
    size_t done = 0;
    while (done < size) {
      const ssize_t n = ::write(fd_, data + done, size - done);
      if (n >= 0) {
        done += static_cast<size_t>(n);
      } else if (errno != EINTR) {
        std::string error = errorText("cannot write", path_);
        if (done > 0 && ::ftruncate(fd_, static_cast<off_t>(size_)) != 0) reopen();
        return error;
      }
    }
    size_ += size;
    return {};
  }

 private:
  // Cuts off what follows the last line feed: the line a killed process was writing.
  std::string repair() {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) return fail("cannot read the size of");
    auto end = static_cast<uint64_t>(status.st_size);
    char block[64 * 1024];
    uint64_t keep = 0;
    for (uint64_t at = end; at > 0 && keep == 0;) {
      const size_t want = static_cast<size_t>(std::min<uint64_t>(at, sizeof block));
      at -= want;
      const ssize_t got = ::pread(fd_, block, want, static_cast<off_t>(at));
      if (got != static_cast<ssize_t>(want)) return fail("cannot read");
      const void* found = ::memrchr(block, '\n', want);
      if (found != nullptr) keep = at + static_cast<uint64_t>(static_cast<const char*>(found) - block) + 1;
    }
    if (keep != end && ::ftruncate(fd_, static_cast<off_t>(keep)) != 0) return fail("cannot repair");
    size_ = keep;
    return {};
  }

  std::string fail(std::string_view what) {
    std::string error = errorText(what, path_);
    ::close(fd_);
    fd_ = -1;
    return error;
  }

  // What was half written stays for the repair of the next open.
  void reopen() {
    ::close(fd_);
    fd_ = -1;
  }

  void rotate() {
    const auto old = [&](uint32_t number) { return path_ + "." + std::to_string(number); };
    ::close(fd_);
    fd_ = -1;
    size_ = 0;
    if (oldMax_ == 0) {
      ::unlink(path_.c_str());
      return;
    }
    for (uint32_t number = oldMax_; number > 1; --number) ::rename(old(number - 1).c_str(), old(number).c_str());
    ::rename(path_.c_str(), old(1).c_str());
  }

  const std::string path_;
  const uint64_t bytesMax_;
  const uint32_t oldMax_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace

// What one loop writes into. `filling_` belongs to the loop, `draining_` to the collector; both walk the same list of
// chunks, the collector behind.
class alignas(kCacheLine) TraceWriter::Lane {
 public:
  Lane(Collector& collector, size_t chunkBytes)
      : collector_(collector), chunkBytes_(chunkBytes), filling_(new Chunk(chunkBytes)), draining_(filling_) {}
  ~Lane() {
    delete spare_.load();
    while (draining_ != nullptr) delete std::exchange(draining_, draining_->next.load());
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Loop only.
  void write(const observe::InvocationFinished& fact) {
    const size_t room = traceLineBytesMax(fact);
    if (filling_->capacity - at_ < room && !turnOver(room)) [[unlikely]] {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
    char* const begin = filling_->data.get();
    at_ = static_cast<size_t>(writeTraceLine(begin + at_, fact) - begin);
    filling_->published.store(at_, std::memory_order_release);
  }

  // Collector only. `take(data, size)` gets what was published since the last call.
  template <class Take>
  void drain(Take take);

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  bool turnOver(size_t room);

  Collector& collector_;
  const size_t chunkBytes_;
  Chunk* filling_;
  size_t at_ = 0;
  std::atomic<uint64_t> dropped_{0};
  alignas(kCacheLine) std::atomic<Chunk*> spare_{nullptr};  // emptied by the collector, for the loop to fill again
  Chunk* draining_;
};

class TraceWriter::Collector {
 public:
  explicit Collector(TraceWriterOptions options)
      : options_(std::move(options)),
        file_(options_.directory + "/" + std::string(kFileName), options_.fileBytesMax, options_.oldFilesMax) {
    for (uint32_t i = 0; i < options_.lanes; ++i) {
      lanes_.push_back(std::make_unique<Lane>(*this, options_.chunkBytes));
      chunkBytesLive_ += options_.chunkBytes;
    }
  }
  ~Collector() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  base::Status start() {
    std::string error = file_.open();
    if (!error.empty()) return base::Error{std::move(error)};
    thread_ = std::thread([this] {
      base::nameThisThread("traces");
      run();
    });
    return base::Nothing{};
  }

  Lane* findLane(uint32_t loop) { return loop < lanes_.size() ? lanes_[loop].get() : nullptr; }
  void countStray() { dropped_.fetch_add(1, std::memory_order_relaxed); }

  // A chunk more, or null when the backlog is full. Any loop.
  Chunk* makeChunk(size_t bytes) {
    if (chunkBytesLive_.fetch_add(bytes, std::memory_order_relaxed) + bytes > options_.backlogBytesMax) {
      chunkBytesLive_.fetch_sub(bytes, std::memory_order_relaxed);
      return nullptr;
    }
    return new Chunk(bytes);
  }
  void dropChunk(Chunk* chunk) {
    chunkBytesLive_.fetch_sub(chunk->capacity, std::memory_order_relaxed);
    delete chunk;
  }

  void wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    wake_.notify_one();
  }

  void flush() {
    std::unique_lock lock(mutex_);
    const uint64_t ticket = ++flushesWanted_;
    wake_.notify_one();
    flushed_.wait(lock, [&] { return flushesDone_ >= ticket; });
  }

  Figures figures() const {
    Figures figures;
    figures.written = written_.load(std::memory_order_relaxed);
    figures.bytes = bytes_.load(std::memory_order_relaxed);
    figures.dropped = dropped_.load(std::memory_order_relaxed);
    for (const auto& lane : lanes_) figures.dropped += lane->dropped();
    const std::lock_guard lock(mutex_);
    figures.lastError = lastError_;
    return figures;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait_for(lock, options_.flushEvery,
                     [this] { return stopping_ || woken_ || flushesWanted_ != flushesDone_; });
      woken_ = false;
      const uint64_t ticket = flushesWanted_;
      const bool last = stopping_;
      lock.unlock();
      for (const auto& lane : lanes_) {
        lane->drain([this](const char* data, size_t size) { append(data, size); });
      }
      lock.lock();
      flushesDone_ = ticket;
      flushed_.notify_all();
      if (last) return;
    }
  }

  void append(const char* data, size_t size) {
    const uint64_t lines = countLines(data, size);
    std::string error = file_.append(data, size);
    if (error.empty()) {
      written_.fetch_add(lines, std::memory_order_relaxed);
      bytes_.fetch_add(size, std::memory_order_relaxed);
      return;
    }
    dropped_.fetch_add(lines, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    lastError_ = std::move(error);
  }

  const TraceWriterOptions options_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  TraceFile file_;  // thread_ only, once it runs
  std::atomic<uint64_t> chunkBytesLive_{0};
  std::atomic<uint64_t> written_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> bytes_{0};

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable flushed_;
  // Under mutex_.
  bool woken_ = false;
  bool stopping_ = false;
  uint64_t flushesWanted_ = 0;
  uint64_t flushesDone_ = 0;
  std::string lastError_;

  std::thread thread_;
};

template <class Take>
void TraceWriter::Lane::drain(Take take) {
  for (;;) {
    Chunk* const chunk = draining_;
    // In this order: once the next chunk is seen, what this one has published is final.
    Chunk* const next = chunk->next.load(std::memory_order_acquire);
    const size_t published = chunk->published.load(std::memory_order_acquire);
    if (published > chunk->collected) {
      take(chunk->data.get() + chunk->collected, published - chunk->collected);
      chunk->collected = published;
    }
    if (next == nullptr) return;
    draining_ = next;
    if (chunk->capacity != chunkBytes_) {
      collector_.dropChunk(chunk);
      continue;
    }
    chunk->collected = 0;
    chunk->published.store(0, std::memory_order_relaxed);
    chunk->next.store(nullptr, std::memory_order_relaxed);
    Chunk* const other = spare_.exchange(chunk, std::memory_order_acq_rel);
    if (other != nullptr) collector_.dropChunk(other);
  }
}

bool TraceWriter::Lane::turnOver(size_t room) {
  Chunk* fresh = room <= chunkBytes_ ? spare_.exchange(nullptr, std::memory_order_acq_rel) : nullptr;
  if (fresh == nullptr) fresh = collector_.makeChunk(std::max(room, chunkBytes_));
  if (fresh == nullptr) return false;
  filling_->next.store(fresh, std::memory_order_release);
  filling_ = fresh;
  at_ = 0;
  collector_.wake();
  return true;
}

TraceWriter::TraceWriter(TraceWriterOptions options) : collector_(std::make_unique<Collector>(std::move(options))) {}
TraceWriter::~TraceWriter() = default;

base::Result<std::unique_ptr<TraceWriter>> TraceWriter::open(TraceWriterOptions options) {
  CHECK(options.chunkBytes >= 8 * 1024);
  std::unique_ptr<TraceWriter> writer(new TraceWriter(std::move(options)));
  const base::Status started = writer->collector_->start();
  if (!started.ok()) return started.error();
  return writer;
}

void TraceWriter::invocationFinished(uint32_t loop, const observe::InvocationFinished& fact) {
  Lane* lane = collector_->findLane(loop);
  if (lane == nullptr) return collector_->countStray();
  lane->write(fact);
}

void TraceWriter::flush() { collector_->flush(); }
TraceWriter::Figures TraceWriter::figures() const { return collector_->figures(); }

}  // namespace weir::logs
