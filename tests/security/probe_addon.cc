// The probe: an addon that locks its process down as an engine does and then tries what should and should not
// work. What to do is the first argument after the addon; the answers go over the control socket, one message
// each:
//   'C' report            the confinements (wire/confinement.h)
//   'A' thread\tkind\tname\tresult
//   'E'                   the end
#include <node.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <v8-platform.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/lockdown.h"
#include "probe_attempts.h"
#include "wire/control_socket.h"

namespace weir::security {
namespace {

wire::ControlSocket& control() {
  static wire::ControlSocket socket{wire::Descriptor(wire::kControlDescriptor)};
  return socket;
}

void say(const std::string& text) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (;;) {
    auto sent = control().send(std::as_bytes(std::span(text)));
    if (!sent.ok() || *sent == wire::ControlSocket::Sent::kPeerGone) ::_exit(9);
    if (*sent == wire::ControlSocket::Sent::kYes) return;
    ::usleep(1000);
  }
}

void answer(const char* thread, const char* kind, const char* name, long result) {
  say(std::string("A") + thread + "\t" + kind + "\t" + name + "\t" + std::to_string(result));
}

void attemptAll(const char* thread, bool filtered = true) {
  for (const Attempt& attempt : hostileAttempts()) {
    if (filtered || !attempt.needsFilter) answer(thread, "hostile", attempt.name, attempt.run());
  }
  for (const Attempt& attempt : neededAttempts()) answer(thread, "needed", attempt.name, attempt.run());
}

class PromisedTask final : public v8::Task {
 public:
  explicit PromisedTask(std::function<void()> work) : work_(std::move(work)) {}
  void Run() override { work_(); }

 private:
  std::function<void()> work_;
};

// The foreground tasks of the probe's own isolate; run between scripts, as an engine does.
class Foreground final : public v8::TaskRunner, public node::IsolatePlatformDelegate {
 public:
  std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner() override {
    return std::shared_ptr<v8::TaskRunner>(std::shared_ptr<void>(), this);
  }
  bool IdleTasksEnabled() override { return false; }
  bool NonNestableTasksEnabled() const override { return true; }
  void runAll() {
    for (;;) {
      std::unique_ptr<v8::Task> task;
      {
        const std::lock_guard lock(mutex_);
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task->Run();
    }
  }

 protected:
  void PostTaskImpl(std::unique_ptr<v8::Task> task, const v8::SourceLocation&) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  void PostNonNestableTaskImpl(std::unique_ptr<v8::Task> task, const v8::SourceLocation& where) override {
    PostTaskImpl(std::move(task), where);
  }
  void PostDelayedTaskImpl(std::unique_ptr<v8::Task>, double, const v8::SourceLocation&) override {}

 private:
  std::mutex mutex_;
  std::deque<std::unique_ptr<v8::Task>> tasks_;
};

// Hot enough for every compiler tier, some of them on worker threads; garbage enough for concurrent marking.
constexpr const char* kJavaScript = R"(
  function mix(a, b) { return ((a * 31) ^ (b >>> 3)) | 0; }
  let sum = 0;
  for (let i = 0; i < 3e6; i++) sum = mix(sum, i);
  let kept = [];
  for (let i = 0; i < 300000; i++) { kept.push({i, text: 'x' + i}); if (i % 1000 === 0) kept = kept.slice(-100); }
  const big = /^(a+)+b/.test('aaaaaaaaab') && new Intl.DateTimeFormat('en', {timeZone: 'UTC'}).format(0) === '1/1/1970';
  big && new Date(0).getTimezoneOffset() !== undefined && kept.length > 0 ? 1 : 0;
)";
// (module (func (export "f") (param i32) (result i32) local.get 0 i32.const 2 i32.mul)), called until it is
// optimised.
constexpr const char* kWasm = R"(
  const bytes = new Uint8Array([0,97,115,109,1,0,0,0,1,6,1,96,1,127,1,127,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,32,0,65,2,108,11]);
  const f = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.f;
  let ok = 1;
  for (let i = 0; i < 200000; i++) if (f(i) !== 2 * i) ok = 0;
  const memory = new WebAssembly.Memory({initial: 1, maximum: 1000});
  memory.grow(100);
  ok;
)";

long runScript(v8::Isolate* isolate, v8::Local<v8::Context> context, const char* source) {
  v8::TryCatch caught(isolate);
  v8::Local<v8::Script> script;
  v8::Local<v8::Value> result;
  if (!v8::Script::Compile(context, v8::String::NewFromUtf8(isolate, source).ToLocalChecked()).ToLocal(&script) ||
      !script->Run(context).ToLocal(&result)) {
    return -EFAULT;
  }
  return result->Int32Value(context).FromMaybe(0) == 1 ? 0 : -EINVAL;
}

void attemptJavaScript(const char* thread, node::MultiIsolatePlatform* platform) {
  Foreground foreground;
  std::unique_ptr<v8::ArrayBuffer::Allocator> allocator(v8::ArrayBuffer::Allocator::NewDefaultAllocator());
  v8::Isolate::CreateParams parameters;
  parameters.array_buffer_allocator = allocator.get();
  v8::Isolate* isolate = v8::Isolate::Allocate();
  platform->RegisterIsolate(isolate, &foreground);
  v8::Isolate::Initialize(isolate, parameters);
  {
    const v8::Isolate::Scope entered(isolate);
    const v8::HandleScope handles(isolate);
    v8::Local<v8::Context> context = v8::Context::New(isolate);
    const v8::Context::Scope scope(context);
    answer(thread, "needed", "JavaScript in a new isolate", runScript(isolate, context, kJavaScript));
    foreground.runAll();
    answer(thread, "needed", "WebAssembly in a new isolate", runScript(isolate, context, kWasm));
    foreground.runAll();
    isolate->LowMemoryNotification();
    answer(thread, "needed", "a full collection", 0);
  }
  isolate->Dispose();
  platform->UnregisterIsolate(isolate);
}

[[noreturn]] void untilParentGoes() {
  for (;;) {
    auto received = control().receive(wire::ControlSocket::Wait::kYes);
    if (!received.ok() || received->peerGone) ::_exit(0);
  }
}

wire::Confinements lockDownAndReport(const engine::LockDownRequest& request, bool copy = false) {
  const wire::Confinements report = copy ? engine::lockDownCopy(request) : engine::lockDown(request);
  const auto bytes = report.encode();
  say("C" + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return report;
}

[[noreturn]] void main(const std::string& mode, node::MultiIsolatePlatform* platform) {
  if (mode == "exit-before") {
    ::_exit(3);
  } else if (mode == "attempts" || mode == "without-filter") {
    // One thread that is there already, besides Node's.
    std::promise<void> go;
    std::thread older([&go] {
      go.get_future().wait();
      attemptAll("older");
    });
    engine::LockDownRequest request;
    if (mode == "without-filter") request.seccompFilter = -1;
    lockDownAndReport(request);
    if (mode == "without-filter") {
      older.detach();
      attemptAll("main", false);
      say("E");
      untilParentGoes();
    }
    attemptAll("main");
    go.set_value();
    older.join();
    std::promise<void> workerDone;
    platform->PostTaskOnWorkerThread(v8::TaskPriority::kUserBlocking, std::make_unique<PromisedTask>([&workerDone] {
                                       attemptAll("node-worker");
                                       workerDone.set_value();
                                     }));
    workerDone.get_future().wait();
    std::thread([] { attemptAll("new"); }).join();
    attemptJavaScript("main", platform);
    std::thread([platform] { attemptJavaScript("new", platform); }).join();
    // The platform's timer thread must have outlived the closing of descriptors.
    std::promise<void> timerDone;
    platform->PostDelayedTaskOnWorkerThread(
        v8::TaskPriority::kUserVisible, std::make_unique<PromisedTask>([&timerDone] { timerDone.set_value(); }), 0.001);
    answer("main", "needed", "a delayed task",
           timerDone.get_future().wait_for(std::chrono::seconds(5)) == std::future_status::ready ? 0 : -ETIME);
    std::printf("printed after the lock-down\n");
    std::fflush(stdout);
    say("E");
    untilParentGoes();
  }

  engine::LockDownRequest request;
  if (mode == "copy") {  // as a nursery makes an engine
    engine::giveUpFiles(request);
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(4);
    if (const pid_t copied = ::fork(); copied != 0) {
      ::waitpid(copied, nullptr, 0);
      ::_exit(0);
    }
  }
  lockDownAndReport(request, mode == "copy");
  if (mode == "copy") {
    attemptAll("main");
    std::thread([] { attemptAll("new"); }).join();
    say("E");
  } else if (mode == "crash") {
    volatile int* nowhere = nullptr;
    *nowhere = 1;
  } else if (mode == "abort") {
    std::abort();
  } else if (mode == "exit") {
    ::_exit(3);
  } else if (mode == "hang") {
    for (;;) {
    }
  } else if (mode == "other-abi") {
#if defined(__x86_64__)
    asm volatile("int $0x80" : : "a"(20) : "memory");  // getpid as i386 numbers it
#endif
  } else if (mode == "x32") {
#if defined(__x86_64__)
    ::syscall(0x40000000 | SYS_getpid);
#endif
  } else if (mode == "flood") {
    const std::string line(200, 'f');
    for (int i = 0; i < 100'000; ++i) (void)!::write(1, (line + "\n").data(), line.size() + 1);
    say("E");
  } else if (mode == "grow-file") {
    const int file = ::memfd_create("grow", MFD_CLOEXEC);
    answer("main", "hostile", "a memfd over the limit", ::ftruncate(file, off_t{1} << 40) == 0 ? 0 : -errno);
    say("E");
  }
  untilParentGoes();
}

void initialize(v8::Local<v8::Object>, v8::Local<v8::Value>, v8::Local<v8::Context> context, void*) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::Local<v8::Value> mode = v8::Script::Compile(context, v8::String::NewFromUtf8Literal(isolate, "process.argv[3]"))
                                  .ToLocalChecked()
                                  ->Run(context)
                                  .ToLocalChecked();
  const std::string text = *v8::String::Utf8Value(isolate, mode);
  main(text, node::GetMultiIsolatePlatform(node::GetCurrentEnvironment(context)));
}

}  // namespace
}  // namespace weir::security

NODE_MODULE_CONTEXT_AWARE(weir_probe, weir::security::initialize)
