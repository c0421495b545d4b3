using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Hakmem.Tests.Callbacks;

// The system's SQLite with its memory from HakmemCallbacks: its functions take sizes as int.
internal static unsafe class Sqlite
{
    public const string Name = "libsqlite3.so.0";
    public const int Rows = 2_000;

    private const int ConfigMalloc = 4;
    private const int Row = 100;

    private static long s_allocations;

    // Fills a database in memory, and prints what it used.
    public static void Run()
    {
        Methods methods = new()
        {
            Malloc = &XMalloc,
            Free = &XFree,
            Realloc = &XRealloc,
            Size = &XSize,
            RoundUp = &XRoundUp,
            Init = &XInit,
            Shutdown = &XShutdown,
        };
        Check(Config(ConfigMalloc, &methods));
        long before = HakmemAllocator.Shared.GetStatistics().LiveBlocks;
        void* database;
        Check(Open(":memory:", &database));
        Execute(database, "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT)");
        Execute(database, $"""
            WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {Rows})
            INSERT INTO words SELECT n, printf('%.*c', 60, 'x') FROM numbers
            """);
        void* statement;
        Check(Prepare(database, "SELECT count(*) FROM words WHERE length(word) = 60", -1, &statement, null));
        if (Step(statement) != Row)
        {
            throw new InvalidOperationException("The query returned no row.");
        }

        Console.WriteLine($"rows={ColumnInt(statement, 0)}");
        Console.WriteLine($"live-while-open={HakmemAllocator.Shared.GetStatistics().LiveBytes}");
        Check(Finish(statement));
        Check(Close(database));
        Check(ShutDown());
        Console.WriteLine($"allocations={s_allocations}");
        Console.WriteLine($"live-afterwards={HakmemAllocator.Shared.GetStatistics().LiveBlocks - before}");
    }

    private static void Execute(void* database, string sql)
    {
        void* statement;
        Check(Prepare(database, sql, -1, &statement, null));
        const int done = 101;
        if (Step(statement) != done)
        {
            throw new InvalidOperationException($"'{sql}' failed.");
        }

        Check(Finish(statement));
    }

    private static void Check(int code)
    {
        if (code != 0)
        {
            throw new InvalidOperationException($"SQLite returned {code}.");
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* XMalloc(int byteCount)
    {
        Interlocked.Increment(ref s_allocations);
        return HakmemCallbacks.Malloc((nuint)byteCount);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void XFree(void* block) => HakmemCallbacks.Free(block);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* XRealloc(void* block, int byteCount) => HakmemCallbacks.Realloc(block, (nuint)byteCount);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int XSize(void* block) => (int)HakmemCallbacks.UsableSize(block);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int XRoundUp(int byteCount) => (int)HakmemAllocator.Shared.GoodSize((nuint)byteCount);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int XInit(void* data) => 0;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void XShutdown(void* data)
    {
    }

    // A variadic function. On Linux, pointers are passed to one as to any other.
    [DllImport(Name, EntryPoint = "sqlite3_config")]
    private static extern int Config(int option, Methods* methods);

    [DllImport(Name, EntryPoint = "sqlite3_open")]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, void** database);

    [DllImport(Name, EntryPoint = "sqlite3_prepare_v2")]
    private static extern int Prepare(
        void* database, [MarshalAs(UnmanagedType.LPUTF8Str)] string sql, int bytes, void** statement, void* tail);

    [DllImport(Name, EntryPoint = "sqlite3_step")]
    private static extern int Step(void* statement);

    [DllImport(Name, EntryPoint = "sqlite3_column_int")]
    private static extern int ColumnInt(void* statement, int column);

    [DllImport(Name, EntryPoint = "sqlite3_finalize")]
    private static extern int Finish(void* statement);

    [DllImport(Name, EntryPoint = "sqlite3_close")]
    private static extern int Close(void* database);

    [DllImport(Name, EntryPoint = "sqlite3_shutdown")]
    private static extern int ShutDown();

    [StructLayout(LayoutKind.Sequential)]
    private struct Methods
    {
        public delegate* unmanaged[Cdecl]<int, void*> Malloc;
        public delegate* unmanaged[Cdecl]<void*, void> Free;
        public delegate* unmanaged[Cdecl]<void*, int, void*> Realloc;
        public delegate* unmanaged[Cdecl]<void*, int> Size;
        public delegate* unmanaged[Cdecl]<int, int> RoundUp;
        public delegate* unmanaged[Cdecl]<void*, int> Init;
        public delegate* unmanaged[Cdecl]<void*, void> Shutdown;
        public void* Data;
    }
}
