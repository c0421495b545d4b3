namespace Hakmem.Tags;

// What happens when a tag exceeds its soft limit. See HeapBudget.Notify.
internal sealed class TagNotice(TagAccount account)
{
    // TrimHeaps copies a list, so managed memory may be short; then the notice comes later.
    public bool Tell()
    {
        try
        {
            account.TrimHeaps();
            return account.TryGetTag() is not { } tag ||
                tag.Notifier.TryQueue(account.Budget.CommittedBytes, account.Budget.SoftBytes);
        }
        catch (System.OutOfMemoryException)
        {
            return false;
        }
    }
}
