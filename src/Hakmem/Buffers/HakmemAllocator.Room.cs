using System.Threading;

namespace Hakmem;

// Those that wait until this heap has room.
public sealed partial class HakmemAllocator
{
    // Created when something waits for the first time.
    private RoomQueue? _roomQueue;

    internal RoomQueue RoomQueue => Volatile.Read(ref _roomQueue) ??
        Interlocked.CompareExchange(ref _roomQueue, new RoomQueue(), null) ?? _roomQueue;

    // Has the first of them try.
    internal void SignalRoom() => Volatile.Read(ref _roomQueue)?.Signal();
}
