namespace Hakmem.Os;

// Counts the pages of this process's mappings that are in memory.
internal static unsafe class ResidentPages
{
    private const int BatchPages = 1024;

    // The resident bytes from one page to another; negative if the system does not say, as of addresses that are not
    // mapped.
    public static long Count(nuint start, nuint end, nuint pageSize)
    {
        byte* pages = stackalloc byte[BatchPages];
        long resident = 0;
        while (start < end)
        {
            nuint bytes = nuint.Min(end - start, BatchPages * pageSize);
            if (LinuxNative.ResidentPages((byte*)start, bytes, pages) != 0)
            {
                return -1;
            }

            int count = (int)((bytes + pageSize - 1) / pageSize);
            for (int i = 0; i < count; i++)
            {
                resident += pages[i] & 1;
            }

            start += bytes;
        }

        return resident * (long)pageSize;
    }
}
