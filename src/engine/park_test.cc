#include "engine/park.h"

#include <gtest/gtest.h>
#include <time.h>

#include <cerrno>
#include <csignal>
#include <thread>

// What V8 would answer for the thread that the signal found; this executable is the host that it stands in.
namespace {
std::atomic<v8::StateTag> state{v8::StateTag::JS};
std::atomic<int> samples{0};
}  // namespace

struct v8::CalleeSavedRegisters {};
v8::RegisterState::RegisterState() : pc(nullptr), sp(nullptr), fp(nullptr), lr(nullptr) {}
v8::RegisterState::~RegisterState() = default;
void v8::Isolate::GetStackSample(const RegisterState&, void**, size_t, SampleInfo* info) {
  info->vm_state = state.load();
  samples.fetch_add(1);
}
void v8::Isolate::SetOOMErrorHandler(OOMErrorCallback) {}
void v8::Isolate::SetFatalErrorHandler(FatalErrorCallback) {}
void v8::V8::SetFatalErrorHandler(V8FatalErrorCallback) {}

namespace weir::engine {
namespace {

// Code of the host, where a thread may be stopped: no call, so that the signal finds it here.
void turnAround() {
  for (int i = 0; i < 1000; ++i) asm volatile("" ::: "memory");
}

class ParkTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { installParking(); }

  ParkTest() {
    state = v8::StateTag::JS;
    samples = 0;
    spot_.isolate = reinterpret_cast<v8::Isolate*>(this);  // nobody looks into it
  }
  ~ParkTest() override {
    unpark(spot_);
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  // A thread with this spot that does `work` again and again.
  template <typename Work>
  void start(Work work) {
    thread_ = std::thread([this, work] {
      ASSERT_TRUE(registerParkSpot(spot_));
      while (!stop_) {
        work();
        steps_.fetch_add(1);
      }
      unregisterParkSpot(spot_);
    });
    while (steps_ == 0) std::this_thread::yield();
  }

  ParkReason parked() const { return spot_.parked.load(); }

  void park() {
    while (parked() == ParkReason::kNone) {
      requestPark(spot_);
      std::this_thread::yield();
    }
  }

  ParkSpot spot_;
  std::atomic<uint64_t> steps_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST_F(ParkTest, StandsWhereItWasStopped) {
  start(turnAround);
  park();
  EXPECT_EQ(parked(), ParkReason::kAsked);
  const uint64_t stoodAt = steps_;
  for (int i = 0; i < 1000; ++i) {
    turnAround();
    std::this_thread::yield();
  }
  EXPECT_EQ(steps_, stoodAt);
}

TEST_F(ParkTest, GoesOnWhenItIsLetOnAndParksAgain) {
  start(turnAround);
  for (int i = 0; i < 3; ++i) {
    park();
    const uint64_t stoodAt = steps_;
    unpark(spot_);
    while (steps_ == stoodAt) std::this_thread::yield();
    while (parked() != ParkReason::kNone) std::this_thread::yield();
  }
}

TEST_F(ParkTest, NotWhileItCollectsGarbage) {
  state = v8::StateTag::GC;
  start(turnAround);
  for (int seen = 0; seen < 10;) {
    requestPark(spot_);
    seen = samples;
    std::this_thread::yield();
  }
  EXPECT_EQ(parked(), ParkReason::kNone);
  state = v8::StateTag::JS;
  park();
  EXPECT_EQ(parked(), ParkReason::kAsked);
}

// It may hold a lock of the library, or be about to.
TEST_F(ParkTest, NotInsideALibrary) {
  std::atomic<int> interrupted{0};
  std::atomic<bool> inside{true};
  start([&] {
    constexpr timespec kLong{60, 0};
    if (!inside) return turnAround();
    steps_.fetch_add(1);
    if (nanosleep(&kLong, nullptr) != 0 && errno == EINTR) interrupted.fetch_add(1);  // the handler has returned
  });
  while (interrupted < 10) {
    requestPark(spot_);
    std::this_thread::yield();
  }
  EXPECT_EQ(samples, 0);
  inside = false;
  park();
  EXPECT_EQ(parked(), ParkReason::kAsked);
}

TEST_F(ParkTest, NotBetweenTurns) {
  spot_.isolate = nullptr;
  start([&] {
    constexpr timespec kShort{0, 1000};
    nanosleep(&kShort, nullptr);  // a signal that was sent before is handled by its end
    turnAround();
  });
  requestPark(spot_);
  const uint64_t from = steps_;
  while (steps_ < from + 10) std::this_thread::yield();
  EXPECT_EQ(parked(), ParkReason::kNone);
}

TEST_F(ParkTest, OnAFatalSignalForEver) {
  auto* spot = new ParkSpot;  // its thread stands in it until the process ends
  std::thread([spot] {
    if (registerParkSpot(*spot)) raise(SIGABRT);
  }).detach();
  while (spot->parked == ParkReason::kNone) std::this_thread::yield();
  EXPECT_EQ(spot->parked, ParkReason::kFatal);
  unpark(*spot);
  EXPECT_EQ(spot->parked, ParkReason::kFatal);
}

TEST(ParkDeathTest, AFatalSignalOfAnotherThreadEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        installParking();
        raise(SIGABRT);
      },
      testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace weir::engine
