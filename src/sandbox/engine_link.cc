#include "sandbox/engine_link.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

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
  link->confinements_ = link->process_->confinements();

  return link;
}

base::Result<bool> EngineLink::pollReady() {
  auto received = process_->control().receive();
  if (!received.ok()) return received.error();
  if (received->peerGone) return base::Error{"it ended while it started"};
  if (!received->message) return false;
  const auto& bytes = received->message->bytes;
  const auto notice = wire::decode<wire::Notice>({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  const auto* ready = notice ? std::get_if<wire::EngineReady>(&*notice) : nullptr;
  if (ready == nullptr || ready->wireVersion != wire::kWireVersion) {
    return base::Error{"the engine addon is of another build: run make"};
  }
  auto reported = wire::Confinements::decode({reinterpret_cast<const std::byte*>(ready->confinements.data()), ready->confinements.size()});
  if (!reported.ok()) return reported.error();
  confinements_.merge(*reported);
  v8Version_ = std::string(ready->v8Version);
  if (requireSandbox_ && !confinements_.complete()) return base::Error{"--require-sandbox: " + confinements_.summary()};
  return true;
}

EngineLink::~EngineLink() {
  process_.reset();
  if (eventMemory_ != nullptr) munmap(eventMemory_, wire::ringMemoryBytes(wire::Bounds::kEventRingBytes));
  for (uint32_t loop = 0; loop < loopCount_; ++loop) {
    if (loops_[loop].memory != nullptr) munmap(loops_[loop].memory, wire::ringMemoryBytes(wire::Bounds::kEffectRingBytes));
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

bool EngineLink::ensureLoaded(const RunnableVersion& version) {
  const std::lock_guard lock(mutex_);
  if (loaded_.contains(version.number.value)) return true;
  std::vector<uint8_t> notice;
  const uint64_t blob = nextBlob_++;
  wire::encode<wire::Notice>(wire::BlobSent{blob}, notice);
  const int descriptor = version.bundleBlob.get();
  const auto sent = process_->control().send({reinterpret_cast<const std::byte*>(notice.data()), notice.size()}, {&descriptor, 1});
  if (!sent.ok() || *sent != wire::ControlSocket::Sent::kYes) return false;
  wire::LoadVersion load;
  load.version = version.number;
  load.bundleBlob = blob;
  scratch_.clear();
  wire::encode<wire::Event>(load, scratch_);
  dirty_ = true;
  if (!put(scratch_)) return false;
  loaded_.insert(version.number.value);
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
