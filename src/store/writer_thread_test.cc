#include "store/writer_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace weir::store {
namespace {

TEST(WriterThread, runsTasksInOrderAndStopsBehindThem) {
  std::vector<int> order;
  {
    WriterThread writer({.onStop = [&] { order.push_back(-1); }});
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(writer.post([&order, i] { order.push_back(i); }));
  }
  ASSERT_EQ(order.size(), 101u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
  EXPECT_EQ(order.back(), -1);
}

TEST(WriterThread, runWaitsForTheTask) {
  WriterThread writer({});
  int value = 0;
  ASSERT_TRUE(writer.run([&] { value = 7; }));
  EXPECT_EQ(value, 7);
}

TEST(WriterThread, refusesMoreThanItsQueueHolds) {
  std::promise<void> started;
  std::promise<void> go;
  WriterThread writer({.tasksMax = 2});  // last: it runs what is queued before the rest goes
  ASSERT_TRUE(writer.post([&] {
    started.set_value();
    go.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(writer.post([] {}));
  EXPECT_TRUE(writer.post([] {}));
  EXPECT_FALSE(writer.post([] {}));
  go.set_value();
}

TEST(WriterThread, ticksThroughAStreamOfTasks) {
  std::promise<void> ticked;
  bool told = false;
  WriterThread* running = nullptr;
  std::function<void()> again = [&] {
    if (!told) (void)running->post(again);
  };
  WriterThread writer({.tick = std::chrono::milliseconds(1), .onTick = [&] {
                         if (!std::exchange(told, true)) ticked.set_value();
                       }});
  running = &writer;
  ASSERT_TRUE(writer.post(again));
  ticked.get_future().wait();
}

}  // namespace
}  // namespace weir::store
