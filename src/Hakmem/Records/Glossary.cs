// The words of this library: one noun for each concept and one verb for each action, in code and documents.
//
//   OS page        What the kernel maps: 4 KiB on x64. The code asks for the size and never assumes it.
//   unit           64 KiB: the granularity of the page map (Geometry).
//   SuperSlab      2 MiB at a multiple of 2 MiB, 32 units: what is committed, prefaulted, discarded and cached
//                  (SuperSlabHeader, SuperSlabState).
//   span           1 to 32 units of one SuperSlab that contain blocks of one size class (SpanHeader).
//   block          What a caller receives.
//   size class     One of 112 block sizes from 16 bytes to 1 MiB (SizeClass).
//   run            A block that no size class serves: a unit run of up to 32 units that can grow, or a run of whole
//                  SuperSlabs.
//   magazine       A small array, out of band, of pointers to free blocks of one size class (Magazine).
//   bin            One size class in a thread cache, with a primary and a secondary magazine (Bin; FreeSide is the part
//                  that Free uses).
//   thread cache   A thread's bins of one heap (ThreadCache).
//   depot          One size class of a heap: the magazines that no thread has loaded, and the spans behind them.
//   arena          The one reserved address range that contains every SuperSlab of the process.
//   page map       One 8-byte entry for each unit: heap, span and size class (PageMapEntry).
//   heap           A HakmemAllocator: the shared one, or an isolated one that releases everything when it is disposed.
//   fresh, dirty   Known to be zero; written since it was committed or last discarded.
//
//   alloc, free    Hand a block out; take it back. Also inside: a depot allocates from its spans and frees to them.
//   flush          Move free blocks from a thread cache to the depot, or from the depot to its spans.
//   reap           Flush the bins of other threads that they do not use.
//   purge          Discard pages (drop their contents, keep them writable) or decommit SuperSlabs, because they are
//                  unused.
//   release        Return address ranges to the arena, or to the system.
//   trim           All of these at once; public.
//
// The fast paths read and write, in this order:
//
//   Alloc:  thread cache -> bin.AllocTop -> the block
//   Free:   thread cache -> page map -> PageMapEntry -> FreeSide -> its FreeTop
