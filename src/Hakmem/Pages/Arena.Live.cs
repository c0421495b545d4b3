namespace Hakmem.Pages;

// The arena's table of live blocks, which it has from the first heap on that needs one.
internal sealed unsafe partial class Arena
{
    // Written once, under _lock, when it is writable for as many SuperSlabs as the other tables are; used under it.
    private LiveTable? _live;

    // The table, made if need be; null if there is no memory for it. The object is made under no lock.
    public LiveTable? TryMakeLiveTable()
    {
        LiveTable? table = TryUseLiveTable(null);
        LiveTable? made = table is null ? LiveTable.TryCreate(Os, Base, SlabCount) : null;
        if (made is null)
        {
            return table;
        }

        table = TryUseLiveTable(made);
        if (table != made)
        {
            made.Release();
        }

        return table;
    }

    // The table that there is, or else the given one from now on; null where it cannot be made writable.
    private LiveTable? TryUseLiveTable(LiveTable? made)
    {
        using (_lock.Enter())
        {
            if (_live is null && made is not null && (_tableSlabs == 0 || made.TryCommit(0, _tableSlabs)))
            {
                _live = made;
            }

            return _live;
        }
    }
}
