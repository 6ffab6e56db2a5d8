/** What the shop shows by JMX, as the MBean {@code shop:type=Shop}. */
public interface ShopMBean {
    /** Orders since the start. */
    long getOrders();

    /** Carts that wait for their customer. */
    int getOpenCarts();
}
