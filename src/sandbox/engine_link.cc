#include "sandbox/engine_link.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandbox/engine_ready.h"

namespace weir::sandbox {

namespace {

struct Ring {
  wire::Descriptor memory;
  void* mapped = nullptr;
};

base::Result<Ring> makeRing(const char* name, size_t capacity) {
  const size_t bytes = wire::ringMemoryBytes(capacity);
  Ring ring;
  ring.memory = wire::Descriptor(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  // The engine must not shrink what this process reads: that would be a SIGBUS here.
  if (!ring.memory || ftruncate(ring.memory.get(), static_cast<off_t>(bytes)) != 0 ||
      fcntl(ring.memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return base::Error{"cannot make shared memory for an engine: is memory short?"};
  }
  ring.mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring.memory.get(), 0);
  if (ring.mapped == MAP_FAILED) return base::Error{"cannot map shared memory for an engine: is memory short?"};
  return ring;
}

}  // namespace

base::Result<std::shared_ptr<EngineLink>> EngineLink::launch(const Options& options) {
  auto link = std::shared_ptr<EngineLink>(new EngineLink());
  link->index_ = options.index;
  link->requireSandbox_ = options.requireSandbox;
  link->loopCount_ = options.loops;
  link->loops_ = std::make_unique<LoopEnd[]>(options.loops);
  EngineLaunch launch;
  launch.nodeFlags = options.nodeFlags;
  launch.arguments = {"serve", std::to_string(options.loops), std::to_string(options.memoryBudgetMb)};
  launch.requireSandbox = options.requireSandbox;

  auto events = makeRing("weir-events", wire::Bounds::kEventRingBytes);
  if (!events.ok()) return events.error();
  link->eventMemory_ = events->mapped;
  link->writer_ = std::make_unique<wire::RingWriter>(events->mapped, wire::Bounds::kEventRingBytes);
  link->eventWake_ = wire::Descriptor(eventfd(0, EFD_CLOEXEC));
  launch.descriptors.push_back({events->memory.get(), wire::kEventRingDescriptor});
  launch.descriptors.push_back({link->eventWake_.get(), wire::kEventWakeDescriptor});
  launch.descriptors.push_back({options.baseSnapshot.get(), wire::kBaseSnapshotDescriptor});
  std::vector<wire::Descriptor> memories;
  for (uint32_t loop = 0; loop < options.loops; ++loop) {
    auto ring = makeRing("weir-effects", wire::Bounds::kEffectRingBytes);
    if (!ring.ok()) return ring.error();
    LoopEnd& end = link->loops_[loop];
    end.memory = ring->mapped;
    end.reader = std::make_unique<wire::RingReader>(ring->mapped, wire::Bounds::kEffectRingBytes);
    end.wake = wire::Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const int number = static_cast<int>(loop);
    launch.descriptors.push_back({ring->memory.get(), wire::effectRingDescriptor(number)});
    launch.descriptors.push_back({end.wake.get(), wire::effectWakeDescriptor(number)});
    memories.push_back(std::move(ring->memory));
  }

  auto process = EngineProcess::spawn(options.image, launch);
  if (!process.ok()) return process.error();
  link->process_ = std::move(process).value();
  return link;
}

base::Result<bool> EngineLink::pollReady() {
  auto ready = receiveReady(*process_, requireSandbox_);
  if (!ready.ok()) return ready.error();
  if (!*ready) return false;
  confinements_ = std::move((*ready)->confinements);
  v8Version_ = std::move((*ready)->v8Version);
  return true;
}

EngineLink::~EngineLink() {
  process_.reset();
  if (eventMemory_ != nullptr) munmap(eventMemory_, wire::ringMemoryBytes(wire::Bounds::kEventRingBytes));
  for (uint32_t loop = 0; loop < loopCount_; ++loop) {
    if (loops_[loop].memory != nullptr)
      munmap(loops_[loop].memory, wire::ringMemoryBytes(wire::Bounds::kEffectRingBytes));
  }
}

void EngineLink::condemn(observe::EngineDeath reason) {
  {
    const std::lock_guard lock(mutex_);
    if (condemned()) return;
    reason_.store(reason);
    condemned_.store(true);
  }
  process_->kill();
}

uint32_t EngineLink::inFlight() const {
  uint32_t sum = 0;
  for (uint32_t loop = 0; loop < loopCount_; ++loop) sum += loops_[loop].use.inFlight.load(std::memory_order_acquire);
  return sum;
}

uint32_t EngineLink::lost() const {
  uint32_t sum = 0;
  for (uint32_t loop = 0; loop < loopCount_; ++loop) sum += loops_[loop].use.lost.load(std::memory_order_relaxed);
  return sum;
}

bool EngineLink::drained() const {
  for (uint32_t loop = 0; loop < loopCount_; ++loop) {
    if (!loops_[loop].use.left.load(std::memory_order_acquire)) return false;
  }
  return inFlight() == 0;
}

bool EngineLink::forgotten() const {
  for (uint32_t loop = 0; loop < loopCount_; ++loop) {
    if (!loops_[loop].use.gone.load(std::memory_order_acquire)) return false;
  }
  return true;
}

std::optional<EngineLink::Progress> EngineLink::progress() {
  const std::lock_guard lock(mutex_);
  const auto read = writer_->readUpTo();
  if (!read) return std::nullopt;
  return Progress{writer_->writtenUpTo(), *read};
}

bool EngineLink::sendBlob(int descriptor, uint64_t& number) {
  std::vector<uint8_t> notice;
  const uint64_t next = nextBlob_++;
  wire::encode<wire::Notice>(wire::BlobSent{next}, notice);
  const auto sent =
      process_->control().send({reinterpret_cast<const std::byte*>(notice.data()), notice.size()}, {&descriptor, 1});
  if (!sent.ok() || *sent != wire::ControlSocket::Sent::kYes) return false;
  number = next;
  return true;
}

bool EngineLink::ensureLoaded(const RunnableVersion& version) {
  const std::lock_guard lock(mutex_);
  const auto known = loaded_.find(version.number.value);
  if (known != loaded_.end() && (known->second || !version.image)) return true;
  wire::LoadVersion load;
  load.version = version.number;
  if (!sendBlob(version.content->bundleBlob.get(), load.bundleBlob)) return false;
  if (version.image) {
    // An image that cannot be had any more is only a slower start.
    const wire::Descriptor file(::open(version.image->path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file && !sendBlob(file.get(), load.imageBlob)) return false;
    load.source = version.image->source;
    load.imageHash = version.image->whole ? 0 : version.image->hash;
    load.hashMark = version.image->hashMark;
  }
  scratch_.clear();
  wire::encode<wire::Event>(load, scratch_);
  dirty_ = true;
  if (!put(scratch_)) return false;
  loaded_[version.number.value] = load.source != wire::StartSource::kCompiled;
  return true;
}

void EngineLink::drop(wire::VersionId version) {
  {
    const std::lock_guard lock(mutex_);
    if (loaded_.erase(version.value) == 0) return;
    scratch_.clear();
    wire::encode<wire::Event>(wire::DropVersion{version}, scratch_);
    dirty_ = true;
    if (!put(scratch_)) return;  // a full ring: the engine keeps it until it ends
  }
  flush();
}

void EngineLink::flush() {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (!dirty_) return;
    dirty_ = false;
    wake = writer_->takeWake();
  }
  const uint64_t one = 1;
  if (wake && ::write(eventWake_.get(), &one, sizeof one) < 0) condemn();
}

}  // namespace weir::sandbox
