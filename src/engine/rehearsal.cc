#include "engine/rehearsal.h"

#include <sys/mman.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace weir::engine {

namespace {

constexpr int kStepsMax = 256;                // events delivered to one invocation
constexpr uint32_t kBodyBytesMax = 1u << 20;  // read of one response
constexpr std::string_view kHead = "host\nscript.example\naccept\n*/*\ncontent-type\napplication/json\n";
constexpr std::string_view kAnswer = "{\"b\":2}";

constexpr size_t kMemoryBytes = wire::ringMemoryBytes(wire::Bounds::kEffectRingBytes);

uint8_t* mapMemory() {
  void* memory = ::mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return static_cast<uint8_t*>(memory);
}

wire::Bytes asBytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

}  // namespace

// What the isolate has said since its last event.
struct Rehearsal::Heard {
  uint16_t status = 0;
  std::optional<wire::Outcome> ended;
  std::vector<uint32_t> asked;                             // subrequests
  std::vector<std::pair<wire::StreamId, uint32_t>> bytes;  // of bodies, by stream
  uint32_t bodyBytes = 0;                                  // of all, ever
};

void Rehearsal::Unmap::operator()(uint8_t* memory) const { ::munmap(memory, kMemoryBytes); }

Rehearsal::Rehearsal(node::MultiIsolatePlatform& platform, const v8::StartupData& base,
                     std::shared_ptr<const Version> version, TurnClock& clock)
    : memory_(mapMemory()),
      reader_(memory_.get(), wire::Bounds::kEffectRingBytes),
      effects_({{memory_.get(), -1}}),
      clock_(clock),
      isolate_({platform, base, effects_}, 1, std::move(version), js::Heap::Purpose::kRun) {}

uint16_t Rehearsal::play(const Request& request) {
  Heard heard;
  wire::StartFetch start;
  start.invocation = {++played_ << 8};
  start.nowMs = isolate_.nowMs();
  start.method = request.method;
  start.url = request.url;
  start.head.text = kHead;
  start.cf = "{}";
  start.bodyKind = request.body.empty() ? wire::BodyKind::kNone : wire::BodyKind::kInline;
  start.bodyLength = request.body.size();
  start.body = asBytes(request.body);
  deliver(start);
  return goOn(start.invocation, heard);
}

uint16_t Rehearsal::playScheduled() {
  Heard heard;
  wire::StartScheduled start;
  start.invocation = {++played_ << 8};
  start.nowMs = isolate_.nowMs();
  start.scheduledMs = start.nowMs;
  start.cron = "* * * * *";
  deliver(start);
  heard.status = 200;
  return goOn(start.invocation, heard);
}

uint16_t Rehearsal::goOn(wire::InvocationId id, Heard& heard) {
  for (int step = 0; step < kStepsMax; ++step) {
    if (!listen(id, heard)) return 0;
    if (heard.ended) return *heard.ended == wire::Outcome::kOk ? heard.status : 0;
    if (!heard.asked.empty()) {
      wire::SubresponseHead head;
      head.invocation = id;
      head.subrequest = heard.asked.front();
      head.nowMs = isolate_.nowMs();
      head.status = 200;
      head.statusText = "OK";
      head.head.text = "content-type\napplication/json\n";
      head.bodyKind = wire::BodyKind::kInline;
      head.body = asBytes(kAnswer);
      head.bodyLength = kAnswer.size();
      heard.asked.erase(heard.asked.begin());
      deliver(head);
    } else if (!heard.bytes.empty()) {
      const auto [stream, bytes] = heard.bytes.front();
      heard.bytes.erase(heard.bytes.begin());
      if (heard.bodyBytes <= kBodyBytesMax) deliver(wire::BodyCredit{id, stream, bytes});
      else deliver(wire::BodyCancel{id, stream});
    } else if (const uint32_t timer = isolate_.nextDue(std::numeric_limits<uint64_t>::max()); timer != 0) {
      const uint32_t seq = isolate_.timerSeq(timer);
      clock_.begin();
      isolate_.fireTimer(timer);
      finish(seq);
    } else {
      return 0;
    }
  }
  return 0;
}

// Reads what the isolate said; false when it is nonsense.
bool Rehearsal::listen(wire::InvocationId id, Heard& heard) {
  while (const auto record = reader_.peek()) {
    const auto effect = wire::decode<wire::Effect>(*record);
    if (!effect) return false;
    std::visit(
        [&](const auto& said) {
          using Said = std::decay_t<decltype(said)>;
          if constexpr (requires { said.invocation; }) {
            if (!(said.invocation == id)) return;  // of one that was given up
          }
          if constexpr (std::is_same_v<Said, wire::Respond>) heard.status = said.status;
          if constexpr (std::is_same_v<Said, wire::Subrequest>) heard.asked.push_back(said.subrequest);
          if constexpr (std::is_same_v<Said, wire::Done>) heard.ended = said.outcome;
          if constexpr (std::is_same_v<Said, wire::BodyChunk>) {
            const auto size = static_cast<uint32_t>(said.bytes.size());
            heard.bodyBytes += size;
            const auto at = std::find_if(heard.bytes.begin(), heard.bytes.end(),
                                         [&](const auto& each) { return each.first == said.stream; });
            if (at != heard.bytes.end()) at->second += size;
            else heard.bytes.emplace_back(said.stream, size);
          }
        },
        *effect);
    reader_.pop();
  }
  return true;
}

template <class Message>
void Rehearsal::deliver(const Message& message) {
  clock_.begin();
  isolate_.deliver(message);
  finish(isolate_.seqOf(message.invocation));
}

void Rehearsal::finish(uint32_t seq) {
  isolate_.finish(seq, clock_);
  while (isolate_.hasLocal()) {
    isolate_.deliverLocal();
    isolate_.finish(seq, clock_);
  }
  clock_.end();
}

}  // namespace weir::engine
