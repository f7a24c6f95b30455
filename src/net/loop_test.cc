#include "net/loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

class LoopTest : public testing::Test {
 protected:
  base::SystemClock clock;
  Loop loop{clock};
};

class Event final : public FdHandler {
 public:
  explicit Event(Loop& loop) : loop_(loop), fd_(eventfd(0, EFD_NONBLOCK)) { loop_.watch(fd_, EPOLLIN, *this); }
  ~Event() {
    loop_.unwatch(fd_, *this);
    close(fd_);
  }
  void raise() const { eventfd_write(fd_, 1); }
  void onReady(uint32_t) override {
    eventfd_t value;
    eventfd_read(fd_, &value);
    ++seen;
    if (then) then();
  }
  int seen = 0;
  std::function<void()> then;

 private:
  Loop& loop_;
  int fd_;
};

TEST_F(LoopTest, postedTasksRunInOrderAndOnTheLoop) {
  std::vector<int> order;
  const auto home = std::this_thread::get_id();
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i)
      loop.post([&order, &home, i] {
        EXPECT_EQ(std::this_thread::get_id(), home);
        order.push_back(i);
      });
    loop.post([this] { loop.stop(); });
  });
  loop.run();
  poster.join();
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(LoopTest, aSleepingLoopIsWokenByEveryPost) {
  // Each task answers before the next is posted, so the loop goes to sleep in between.
  std::atomic<int> answered{0};
  std::thread poster([&] {
    for (int i = 0; i < 2000; ++i) {
      loop.post([&] { answered.fetch_add(1); });
      while (answered.load() <= i) std::this_thread::yield();
    }
    loop.stop();
  });
  loop.run();
  poster.join();
  EXPECT_EQ(answered.load(), 2000);
}

TEST_F(LoopTest, stopBeforeRunMakesItReturn) {
  loop.stop();
  loop.run();
}

TEST_F(LoopTest, timersFireAndWakeTheLoop) {
  Timer timer(loop.timers(), [&] { loop.stop(); });
  const base::Instant deadline = loop.now() + 20ms;
  timer.arm(deadline);
  loop.run();
  EXPECT_GE(loop.now(), deadline);
}

TEST_F(LoopTest, aHandlerMayDestroyOneThatIsReadyToo) {
  auto first = std::make_unique<Event>(loop);
  auto second = std::make_unique<Event>(loop);
  int seen = 0;
  first->then = [&] {
    ++seen;
    second.reset();
  };
  second->then = [&] {
    ++seen;
    first.reset();
  };
  first->raise();
  second->raise();
  loop.runOnce(0ms);
  EXPECT_EQ(seen, 1);
  EXPECT_TRUE((first == nullptr) != (second == nullptr));
}

TEST_F(LoopTest, hooksSeeSleepWakeAndBatchEnd) {
  struct Hooks final : BatchHook, SleepHook {
    void onBatchEnd() override { log += 'b'; }
    bool beforeSleep() override {
      log += 's';
      return busy;
    }
    void afterWake() override { log += 'w'; }
    std::string log;
    bool busy = true;
  } hooks;
  loop.addBatchHook(hooks);
  loop.addSleepHook(hooks);
  Event event(loop);
  event.then = [&] { hooks.log += 'e'; };
  loop.runOnce(1h);  // returns although nothing happens: the hook has work
  EXPECT_EQ(hooks.log, "swb");
  hooks.busy = false;
  hooks.log.clear();
  event.raise();
  loop.post([&] { hooks.log += 'p'; });
  loop.runOnce(1h);
  EXPECT_EQ(hooks.log, "swepb");
  loop.removeBatchHook(hooks);
  loop.removeSleepHook(hooks);
  loop.runOnce(0ms);
  EXPECT_EQ(hooks.log, "swepb");
}

TEST_F(LoopTest, deferredTasksRunOnceAndDroppedOnesNever) {
  int ran = 0;
  DeferredTask kept(loop, [&] { ++ran; });
  auto dropped = std::make_unique<DeferredTask>(loop, [&] { FAIL(); });
  DeferredTask dropper(loop, [&] { dropped.reset(); });
  kept.schedule();
  kept.schedule();
  dropper.schedule();
  dropped->schedule();
  loop.runOnce(1h);
  EXPECT_EQ(ran, 1);
  DeferredTask again(loop, [&] {
    if (++ran < 4) again.schedule();
  });
  again.schedule();
  loop.runOnce(1h);
  EXPECT_EQ(ran, 2);  // scheduled while running: the next iteration, which does not block
  loop.runOnce(1h);
  EXPECT_EQ(ran, 3);
}

TEST_F(LoopTest, whatGathersOutputRunsAfterWhatMakesIt) {
  std::string log;
  DeferredTask gather(
      loop, [&] { log += 'g'; }, DeferredTask::Order::kLast);
  DeferredTask another(loop, [&] {
    log += 'a';
    gather.schedule();
  });
  DeferredTask make(loop, [&] {
    log += 'm';
    another.schedule();
  });
  gather.schedule();
  make.schedule();
  loop.runOnce(1h);
  EXPECT_EQ(log, "mg");
  loop.runOnce(1h);
  EXPECT_EQ(log, "mgag");
  auto dropped = std::make_unique<DeferredTask>(
      loop, [&] { FAIL(); }, DeferredTask::Order::kLast);
  DeferredTask dropper(loop, [&] { dropped.reset(); });
  dropped->schedule();
  dropper.schedule();
  loop.runOnce(1h);
  EXPECT_EQ(dropped, nullptr);
}

TEST_F(LoopTest, whatASleepHookDefersOrArmsDoesNotWaitForTheNextWake) {
  struct Hook final : SleepHook {
    bool beforeSleep() override {
      if (before) std::exchange(before, nullptr)();
      return false;
    }
    void afterWake() override {}
    std::function<void()> before;
  } hook;
  loop.addSleepHook(hook);
  bool late = false;
  Timer guard(loop.timers(), [&] { late = true; });
  guard.arm(loop.now() + 3s);

  bool ran = false;
  DeferredTask task(loop, [&] { ran = true; });
  hook.before = [&] { task.schedule(); };
  loop.runOnce(1h);
  EXPECT_TRUE(ran);

  Timer soon(loop.timers(), [&] { loop.stop(); });
  hook.before = [&] { soon.arm(loop.now() + 1ms); };
  loop.run();
  EXPECT_FALSE(late);
  loop.removeSleepHook(hook);
}

TEST_F(LoopTest, disposedObjectsLiveUntilTheIterationEnds) {
  struct Probe {
    explicit Probe(bool& gone) : gone(gone) {}
    ~Probe() { gone = true; }
    bool& gone;
  };
  bool gone = false;
  bool goneWithin = true;
  loop.post([&] {
    loop.dispose(std::make_unique<Probe>(gone));
    goneWithin = gone;
  });
  loop.runOnce(1h);
  EXPECT_FALSE(goneWithin);
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace weir::net
