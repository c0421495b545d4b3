using System.Collections.Generic;
using System.Runtime.CompilerServices;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// A table beside the arena with an entry for each 16 bytes of it, where a block may begin: see LiveTable and TagTable.
//
// Reserved when the first heap needs it, and made writable in the batches of the arena's other tables. A page of it
// uses memory from the first entry that is written until the SuperSlab of the entry is released. The arena's lock
// guards the calls.
internal unsafe class BlockTable(OsMemory os, byte* bytes, int slabs, int bytesPerSlab)
{
    // Makes the table of some SuperSlabs writable.
    public bool TryCommit(int fromSlab, int endSlab) =>
        os.TryCommit(bytes + ((long)fromSlab * bytesPerSlab), (nuint)(endSlab - fromSlab) * (nuint)bytesPerSlab);

    // Clears the entries of SuperSlabs that are being released, and discards their part of the table.
    public void Discard(int firstSlab, int count)
    {
        byte* part = bytes + ((long)firstSlab * bytesPerSlab);
        nuint size = (nuint)count * (nuint)bytesPerSlab;
        if (!os.TryReset(part, size) || !os.Has(OsFeatures.ResetZeroes))
        {
            for (nuint done = 0; done < size; done += (nuint)bytesPerSlab)
            {
                Unsafe.InitBlock(part + done, 0, (uint)bytesPerSlab);
            }
        }
    }

    // Adds the addresses of the whole table.
    public void AddRange(List<AddressRange> ranges)
    {
        nuint start = (nuint)bytes;
        ranges.Add(new AddressRange(
            start, start + ((nuint)slabs * (nuint)bytesPerSlab), ResidentKind.HakmemRecords));
    }

    // Releases the whole table.
    public void Release() => os.TryRelease(bytes, (nuint)slabs * (nuint)bytesPerSlab);
}
