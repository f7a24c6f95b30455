// An engine that can be told to misbehave: it locks down, becomes ready and answers like any other, but what it does
// with a request is up to the request's path. Hosted in place of the real addon by tests/e2e/supervise.test.mjs; by
// tests/e2e/snapshot_hostile.test.mjs as the engine of a check.
#include <fcntl.h>
#include <node.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "engine/lockdown.h"
#include "wire/bundle.h"
#include "wire/codec.h"
#include "wire/confinement.h"
#include "wire/control_socket.h"
#include "wire/engine_descriptors.h"
#include "wire/ring.h"
#include "wire/sealed_blob.h"

namespace weir::rogue {
namespace {

void* mapShared(int descriptor, size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) _exit(2);
  close(descriptor);
  return memory;
}

struct Port {
  void* memory;
  wire::RingWriter writer;
  int wake;
};

class Engine {
 public:
  explicit Engine(int loops) {
    if (getentropy(&name_, sizeof name_) != 0) _exit(2);
    events_.emplace(mapShared(wire::kEventRingDescriptor, wire::ringMemoryBytes(wire::Bounds::kEventRingBytes)),
                    wire::Bounds::kEventRingBytes);
    for (int loop = 0; loop < loops; ++loop) {
      void* memory = mapShared(wire::effectRingDescriptor(loop), wire::ringMemoryBytes(wire::Bounds::kEffectRingBytes));
      ports_.push_back(
          {memory, wire::RingWriter(memory, wire::Bounds::kEffectRingBytes), wire::effectWakeDescriptor(loop)});
    }
  }

  void becomeReady() {
    std::vector<int> keep{wire::kEventWakeDescriptor};
    for (const Port& port : ports_) keep.push_back(port.wake);
    const auto report = engine::lockDown({.keep = keep}).encode();
    wire::EngineReady ready;
    ready.v8Version = "rogue";
    ready.confinements = {reinterpret_cast<const uint8_t*>(report.data()), report.size()};
    std::vector<uint8_t> bytes;
    wire::encode<wire::Notice>(ready, bytes);
    if (!control_.send({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}).ok()) _exit(2);
  }

  [[noreturn]] void run() {
    for (;;) {
      while (const auto record = events_->peek()) {
        const std::vector<uint8_t> bytes(record->begin(), record->end());
        events_->pop();
        const auto event = wire::decode<wire::Event>(bytes);
        if (!event) _exit(5);
        if (const auto* fetch = std::get_if<wire::StartFetch>(&*event)) onFetch(*fetch);
        else if (const auto* counted = std::get_if<wire::RateCounted>(&*event)) onCounted(*counted);
      }
      if (!events_->armSleep()) continue;
      pollfd waits[2] = {{wire::kEventWakeDescriptor, POLLIN, 0}, {control_.fd(), 0, 0}};
      poll(waits, 2, -1);
      if ((waits[1].revents & (POLLHUP | POLLERR)) != 0) _exit(0);
      uint64_t count = 0;
      if ((waits[0].revents & POLLIN) != 0 && read(wire::kEventWakeDescriptor, &count, sizeof count) < 0) _exit(3);
      events_->disarmSleep();
    }
  }

 private:
  void writeRaw(uint32_t loop, const std::vector<uint8_t>& bytes) {
    if (!ports_[loop].writer.write(bytes)) _exit(3);
    wake(loop);
  }
  void wake(uint32_t loop) {
    const uint64_t one = 1;
    if (write(ports_[loop].wake, &one, sizeof one) < 0) _exit(3);
  }
  template <class Message>
  void emit(const Message& message) {
    std::vector<uint8_t> bytes;
    wire::encode<wire::Effect>(message, bytes);
    writeRaw(message.invocation.loop(), bytes);
  }
  void respond(wire::InvocationId id, std::string_view text) {
    wire::Respond respond;
    respond.invocation = id;
    respond.bodyKind = wire::BodyKind::kInline;
    respond.body = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    respond.bodyLength = text.size();
    emit(respond);
  }
  void finish(wire::InvocationId id) {
    wire::Done done;
    done.invocation = id;
    done.outcome = wire::Outcome::kOk;
    emit(done);
  }

  void onFetch(const wire::StartFetch& fetch) {
    const auto id = fetch.invocation;
    std::string_view path = fetch.url.substr(fetch.url.find("//") + 2);
    path = path.substr(path.find('/'));
    if (path == "/hold") {
      // An invocation that never ends.
    } else if (path == "/segv") {
      volatile int* nowhere = nullptr;
      *nowhere = 1;
    } else if (path == "/bus") {
      const int file = memfd_create("short", 0);
      auto* memory = static_cast<volatile char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
      memory[0] = 1;  // beyond the file's end
    } else if (path == "/exit") {
      _exit(7);
    } else if (path == "/hang") {
      for (;;) pause();
    } else if (path == "/grow") {
      for (;;) std::memset(std::malloc(16u << 20), 1, 16u << 20);
    } else if (path == "/unknown-kind") {
      writeRaw(id.loop(), {255, 1, 2, 3});
    } else if (path == "/cut-message") {
      std::vector<uint8_t> bytes;
      wire::encode<wire::Effect>(wire::Done{id, wire::Outcome::kOk, false, 1}, bytes);
      bytes.pop_back();
      writeRaw(id.loop(), bytes);
    } else if (path == "/huge") {
      writeRaw(id.loop(), std::vector<uint8_t>(wire::Bounds::kMessageBytesMax + 1, 1));
    } else if (path == "/tail") {
      static_cast<wire::RingHeader*>(ports_[id.loop()].memory)->tail.store(~uint64_t{7});
      wake(id.loop());
    } else if (path == "/respond-twice") {
      respond(id, "once");
      respond(id, "twice");
    } else if (path == "/bad-status") {
      wire::Respond bad;
      bad.invocation = id;
      bad.status = 99;
      emit(bad);
    } else if (path == "/chunk-before-response") {
      emit(wire::BodyChunk{id, 0, {}});
    } else if (path == "/unknown-stream") {
      emit(wire::BodyEnd{id, 7});
    } else if (path == "/cut-response") {
      wire::Respond start;
      start.invocation = id;
      start.bodyKind = wire::BodyKind::kStream;
      emit(start);
      const uint8_t some[] = {'s', 'o', 'm', 'e'};
      emit(wire::BodyChunk{id, 0, some});
      writeRaw(id.loop(), {255});
    } else if (path.starts_with("/socket/")) {
      onSocket(id, path.substr(8));
    } else if (path.starts_with("/rate/")) {
      onRate(id, path.substr(6));
    } else {
      respond(id, "engine " + std::to_string(name_));
      finish(id);
    }
  }

  static wire::CountRate nextCount(wire::InvocationId id, uint32_t call, std::string_view key) {
    wire::CountRate count;
    count.invocation = id;
    count.call = call;
    count.limiter = 1;
    count.limit = 1;
    count.periodSeconds = 60;
    count.delta = 1;
    count.key = key;
    return count;
  }

  // Asks for counts as nobody may, or for more of them than anybody has use for.
  void onRate(wire::InvocationId id, std::string_view what) {
    const std::string tooLong(wire::Bounds::kRateKeyBytesMax + 1, 'k');
    wire::CountRate count = nextCount(id, 1, what);
    if (what == "many-keys") return flood(id);
    if (what == "deaf") return askWithoutEnd(id);
    if (what == "one") return emit(count);
    if (what == "no-limiter") {
      count.limiter = 0;
    } else if (what == "unknown-limiter") {
      count.limiter = 2;
    } else if (what == "out-of-turn") {
      count.call = 2;
    } else if (what == "period") {
      count.periodSeconds = 3600;
    } else if (what == "nothing") {
      count.delta = 0;
    } else if (what == "long-key") {
      count.key = tooLong;
    } else if (what == "twice") {
      emit(count);
    }
    emit(count);
  }

  static constexpr uint32_t kFloodKeys = 200'000;
  static constexpr uint32_t kFloodAtOnce = 500;

  // The n-th key of a flood, of a kilobyte.
  static std::string floodKey(uint32_t number) {
    std::string key = std::to_string(number);
    key.resize(1024, '.');
    return key;
  }
  void flood(wire::InvocationId id) {
    for (uint32_t call = 1; call <= kFloodAtOnce; ++call) emit(nextCount(id, call, floodKey(call)));
    flooded_ = kFloodAtOnce;
  }
  // Reads no answer.
  [[noreturn]] void askWithoutEnd(wire::InvocationId id) {
    for (uint32_t call = 1;; ++call) {
      std::vector<uint8_t> bytes;
      wire::encode<wire::Effect>(nextCount(id, call, "key"), bytes);
      while (!ports_[id.loop()].writer.write(bytes)) wake(id.loop());
      if (call % kFloodAtOnce == 0) wake(id.loop());
    }
  }
  void onCounted(const wire::RateCounted& counted) {
    const auto id = counted.invocation;
    within_ += counted.within ? 1 : 0;
    if (flooded_ != 0 && flooded_ < kFloodKeys) {
      ++flooded_;
      return emit(nextCount(id, flooded_, floodKey(flooded_)));
    }
    if (counted.call < flooded_) return;
    respond(id, "counted " + std::to_string(counted.call) + " within " + std::to_string(within_));
    finish(id);
    flooded_ = within_ = 0;
  }

  // Answers with a WebSocket, unless it is said otherwise, and then does what nobody may do with one.
  void onSocket(wire::InvocationId id, std::string_view what) {
    wire::Respond open;
    open.invocation = id;
    open.status = 101;
    open.bodyKind = wire::BodyKind::kStream;
    wire::SocketPiece piece;
    piece.invocation = id;
    piece.last = true;
    wire::SocketClose close;
    close.invocation = id;
    if (what == "unopened") return emit(piece);
    if (what == "pipe-nothing") {
      open.bodyKind = wire::BodyKind::kPipe;
      open.pipeFrom = 3;
      return emit(open);
    }
    if (what == "no-kind") {
      open.bodyKind = wire::BodyKind::kNone;
      return emit(open);
    }
    emit(open);
    if (what == "another") {
      piece.socket = 7;
      emit(piece);
    } else if (what == "code") {
      close.code = 1006;
      emit(close);
    } else if (what == "end") {
      close.end = wire::SocketEnd::kBroken;
      emit(close);
    } else if (what == "behind-the-close") {
      close.code = 1000;
      emit(close);
      emit(piece);
    } else if (what == "much-credit") {
      for (int i = 0; i < 3; ++i) emit(wire::SocketCredit{id, 0, ~uint32_t{0} / 2});
    } else if (what == "twice") {
      emit(open);
    }
  }

  uint32_t flooded_ = 0;  // keys asked for
  uint32_t within_ = 0;
  uint64_t name_ = 0;  // tells one process from another
  wire::ControlSocket control_{wire::Descriptor(wire::kControlDescriptor)};
  std::optional<wire::RingReader> events_;
  std::vector<Port> ports_;
};

// An engine for one check, that does what the script's text says: `rogue:WORD`.
class Checker {
 public:
  [[noreturn]] void run() {
    const auto report = engine::lockDown({}).encode();
    wire::EngineReady ready;
    ready.v8Version = "rogue";
    ready.confinements = {reinterpret_cast<const uint8_t*>(report.data()), report.size()};
    say(ready);
    const auto received = control_.receive(wire::ControlSocket::Wait::kYes);
    if (!received.ok() || !received->message || received->message->descriptors.size() != 1) _exit(0);
    const auto bundle =
        wire::mapSealedBlob(received->message->descriptors[0].get(), wire::BundleBounds::kBundleBytesMax);
    if (!bundle.ok()) _exit(2);
    const std::string_view text(reinterpret_cast<const char*>(bundle->bytes().data()), bundle->bytes().size());
    const size_t at = text.find("rogue:") + 6;
    const auto& asked = received->message->bytes;
    const auto notice = wire::decode<wire::Notice>({reinterpret_cast<const uint8_t*>(asked.data()), asked.size()});
    const auto* wanted = notice ? std::get_if<wire::CheckVersion>(&*notice) : nullptr;
    if (wanted == nullptr) _exit(2);
    act(text.substr(at, text.find(';', at) - at), wanted->writeHeap);
    for (;;) pause();  // until it is killed
  }

 private:
  static wire::Descriptor file(size_t bytes, bool sealed) {
    wire::Descriptor memory(memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0) _exit(2);
    if (sealed && fcntl(memory.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
      _exit(2);
    return memory;
  }
  void sendBytes(std::span<const uint8_t> bytes, std::span<const int> descriptors = {}) {
    if (!control_.send(std::as_bytes(bytes), descriptors).ok()) _exit(2);
  }
  template <class Message>
  void say(const Message& message, std::span<const int> descriptors = {}) {
    std::vector<uint8_t> bytes;
    wire::encode<wire::Notice>(message, bytes);
    sendBytes(bytes, descriptors);
  }

  void act(std::string_view word, bool writeHeap) {
    const wire::VersionChecked passed{900, "fetch"};
    const wire::ImageMade made{wire::StartSource::kCodeCache, 0, "rogue"};
    const wire::Descriptor small = file(4096, true);
    const int one = small.get();
    if (word == "heap" && writeHeap) std::abort();  // as V8 over a heap that it cannot write
    if (word == "good" || word == "heap") {
      say(passed);
      say(made, {&one, 1});
    } else if (word == "nonsense") {
      sendBytes(std::vector<uint8_t>{255, 1, 2});
    } else if (word == "cut") {
      std::vector<uint8_t> bytes;
      wire::encode<wire::Notice>(passed, bytes);
      bytes.pop_back();
      sendBytes(bytes);
    } else if (word == "early") {
      say(made, {&one, 1});
    } else if (word == "twice") {
      say(passed);
      say(passed);
    } else if (word == "turned") {
      say(passed);
      say(wire::VersionFailed{{0}, wire::StartFailure::kException, "changed its mind", "", 0, 0});
    } else if (word == "handlers") {
      say(wire::VersionChecked{900, "fetch\n\x1b[31m"});
    } else if (word == "nohandlers") {
      say(wire::VersionChecked{900, ""});
    } else if (word == "blobless") {
      say(passed);
      say(made);
    } else if (word == "unasked") {
      say(passed, {&one, 1});
    } else if (word == "unsealed") {
      const wire::Descriptor open = file(4096, false);
      const int descriptor = open.get();
      say(passed);
      say(made, {&descriptor, 1});
    } else if (word == "huge") {
      const wire::Descriptor large = file(size_t{wire::Bounds::kImageBytesMax} + 1, true);
      const int descriptor = large.get();
      say(passed);
      say(made, {&descriptor, 1});
    } else if (word == "many") {
      const int several[] = {one, one, one};
      say(passed);
      say(made, several);
    } else if (word == "deaf") {
      (void)control_.takeDescriptor();  // closed; the process lives on
    } else if (word == "segv") {
      volatile int* nowhere = nullptr;
      *nowhere = 1;
    } else if (word == "exit") {
      _exit(7);
    } else if (word == "text") {
      say(wire::VersionFailed{{0}, wire::StartFailure::kException, "red \x1b[31m \xff", "a\x07.js", 3, 4});
    }
  }

  wire::ControlSocket control_{wire::Descriptor(wire::kControlDescriptor)};
};

// A nursery whose engines are none: what it sends in the place of a pidfd is not even a process.
[[noreturn]] void lieAboutEngines() {
  wire::ControlSocket control{wire::Descriptor(wire::kControlDescriptor)};
  const auto say = [&](const auto& message, std::span<const int> descriptors) {
    std::vector<uint8_t> bytes;
    wire::encode<wire::Notice>(message, bytes);
    if (!control.send(std::as_bytes(std::span(bytes)), descriptors).ok()) _exit(2);
  };
  const auto report = engine::giveUpFiles({}).encode();
  wire::EngineReady ready;
  ready.v8Version = "rogue";
  ready.confinements = {reinterpret_cast<const uint8_t*>(report.data()), report.size()};
  say(ready, {});
  for (;;) {
    const auto received = control.receive(wire::ControlSocket::Wait::kYes);
    if (!received.ok() || !received->message) _exit(0);
    const wire::Descriptor event(eventfd(0, EFD_CLOEXEC));
    const int number = event.get();
    say(wire::EngineMade{true, {}}, {&number, 1});
  }
}

void mainFunction(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  const auto context = isolate->GetCurrentContext();
  const auto list = info[0].As<v8::Array>();
  const v8::String::Utf8Value role(isolate, list->Get(context, 0).ToLocalChecked());
  if (std::strcmp(*role, "check") == 0) {
    static Checker checker;
    checker.run();
  }
  if (std::strcmp(*role, "nursery") == 0) lieAboutEngines();
  const v8::String::Utf8Value loops(isolate, list->Get(context, 1).ToLocalChecked());
  static Engine engine(std::atoi(*loops));
  engine.becomeReady();
  engine.run();
}

void initialise(v8::Local<v8::Object> exports, v8::Local<v8::Value>, v8::Local<v8::Context> context, void*) {
  const auto name = v8::String::NewFromUtf8Literal(v8::Isolate::GetCurrent(), "main");
  exports->Set(context, name, v8::Function::New(context, mainFunction).ToLocalChecked()).Check();
}

}  // namespace
}  // namespace weir::rogue

NODE_MODULE_CONTEXT_AWARE(weir_rogue, weir::rogue::initialise)
